//! Between columns and the types of the domain. What does not fit is an error that names the place, never a guess.

use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

use super::CatalogError;
use crate::archive::digest::Sha256;
use crate::domain::time::{Day, Instant};

/// A number as a column holds it.
pub(super) fn stored(value: u64, table: &'static str, column: &'static str) -> Result<i64, CatalogError> {
    i64::try_from(value).map_err(|_| CatalogError::TooLarge { table, column, value })
}

/// The columns of one row, read by name.
#[derive(Clone, Copy)]
pub(super) struct Columns<'r> {
    /// The row.
    pub(super) row: &'r SqliteRow,
    /// Its table, for errors.
    pub(super) table: &'static str,
    /// The columns of its key, for errors.
    pub(super) key: &'static [&'static str],
}

impl<'r> Columns<'r> {
    /// A value that the database itself checks.
    pub(super) fn get<T: Type<Sqlite> + Decode<'r, Sqlite>>(
        &self,
        column: &'static str,
    ) -> Result<T, CatalogError> {
        self.row.try_get(column).map_err(|_| self.corrupt(column))
    }

    /// A count, a size or a sequence number.
    pub(super) fn number(&self, column: &'static str) -> Result<u64, CatalogError> {
        u64::try_from(self.get::<i64>(column)?).map_err(|_| self.corrupt(column))
    }

    /// An instant.
    pub(super) fn instant(&self, column: &'static str) -> Result<Instant, CatalogError> {
        Ok(Instant::from_micros(self.get(column)?))
    }

    /// An instant or none.
    pub(super) fn optional_instant(&self, column: &'static str) -> Result<Option<Instant>, CatalogError> {
        Ok(self.get::<Option<i64>>(column)?.map(Instant::from_micros))
    }

    /// A civil day.
    pub(super) fn day(&self, column: &'static str) -> Result<Day, CatalogError> {
        self.get::<&str>(column)?.parse().map_err(|_| self.corrupt(column))
    }

    /// A digest.
    pub(super) fn digest(&self, column: &'static str) -> Result<Sha256, CatalogError> {
        self.optional_digest(column)?.ok_or_else(|| self.corrupt(column))
    }

    /// A digest or none.
    pub(super) fn optional_digest(&self, column: &'static str) -> Result<Option<Sha256>, CatalogError> {
        let bytes: Option<&[u8]> = self.get(column)?;
        bytes.map(|bytes| bytes.try_into().map(Sha256).map_err(|_| self.corrupt(column))).transpose()
    }

    /// The error that says that `column` of this row cannot be read.
    pub(super) fn corrupt(&self, column: &'static str) -> CatalogError {
        let part = |name: &&str| {
            let text = self.row.try_get::<String, _>(*name);
            let number = || self.row.try_get::<i64, _>(*name).map(|number| number.to_string());
            let bytes = || self.row.try_get::<&[u8], _>(*name).map(hex::encode);
            text.or_else(|_| number()).or_else(|_| bytes()).unwrap_or_else(|_| "?".to_owned())
        };
        let id = self.key.iter().map(part).collect::<Vec<_>>().join("/");
        CatalogError::Corrupt { table: self.table, column, id }
    }
}
