//! A transaction that changes what people decided. It ends with the lines of the audit log, or not at all (K-7).

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::answers::{self, Receipt};
use super::audit;
use super::engine::Engine;
use super::{Catalog, CatalogError};
use crate::domain::audit::AuditEntry;

/// An open transaction. Dropping it undoes everything.
#[derive(Debug)]
pub struct Tx {
    engine: Engine,
    inner: Transaction<'static, Sqlite>,
    receipt: Option<Receipt>,
}

impl Catalog {
    /// Begins a transaction that writes; other writers wait until it ends.
    pub async fn begin(&self) -> Result<Tx, CatalogError> {
        let inner = self.engine.begin().await?;
        Ok(Tx { inner, engine: self.engine.clone(), receipt: self.receipt.clone() })
    }
}

impl Tx {
    /// The connection, for the queries of the nouns.
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }

    /// What a failure of the database means.
    pub(super) fn failed(&self, error: sqlx::Error) -> CatalogError {
        self.engine.failed(error)
    }

    /// Executes a statement that must change exactly one row; `Stale` otherwise.
    pub(super) async fn changed_one(
        &mut self,
        query: Query<'_, Sqlite, SqliteArguments>,
        table: &'static str,
        id: &str,
    ) -> Result<(), CatalogError> {
        let done = query.execute(&mut *self.inner).await.map_err(|error| self.engine.failed(error))?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(CatalogError::Stale { table, id: id.to_owned() }) }
    }

    /// Writes the lines of the audit log and makes everything lasting. There is no other way to end well (K-7).
    pub async fn commit(mut self, entries: &[AuditEntry]) -> Result<(), CatalogError> {
        assert!(!entries.is_empty(), "every effect has a line in the audit log");
        if let (Some(receipt), Some(first)) = (self.receipt.take(), entries.first()) {
            answers::mark(&mut self, &receipt, (first.at, &first.subject)).await?;
        }
        for entry in entries {
            audit::append(&mut self, entry).await?;
        }
        self.engine.commit(self.inner).await
    }
}
