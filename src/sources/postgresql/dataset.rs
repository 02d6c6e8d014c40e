//! A table or a view as CSV text in memory, for extracts: every column, in one transaction that only reads.
//!
//! The name comes from the settings and is quoted; nothing of a permit gets into a statement. What PostgreSQL says of a
//! failure may quote a value of a row: it is left out (`DatabaseError::bare`).

use std::task::Poll;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Row as _};
use zeroize::Zeroizing;

use crate::domain::source_kind::{Postgresql, TableName};

use super::rows::quoted;
use super::{DatabaseError, connect};

/// Whatever gives rows: tables, partitioned ones, views, materialised views, foreign tables.
const RELATION: &str = "
    SELECT c.oid::int8 AS oid, pg_catalog.row_security_active(c.oid) AS is_secured,
           pg_catalog.has_schema_privilege(n.oid, 'USAGE')
               AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS is_readable
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')";

/// Its columns in their order, with what its fingerprint is made of.
const COLUMNS: &str = "
    SELECT a.attname::text AS name, t.typname::text AS base, NOT a.attnotnull AS is_nullable,
           pg_catalog.format_type(a.atttypid, a.atttypmod) AS type
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = $1::int8::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum";

/// A column as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetColumn {
    /// Its name.
    pub name: String,
    /// Its type as people write it, `numeric(5,2)`.
    pub type_name: String,
    /// Whether it may be empty.
    pub is_nullable: bool,
    base: String,
}

/// A table or a view that is being read.
pub struct Dataset {
    connection: PgConnection,
    table: TableName,
    /// Its columns in their order.
    pub columns: Vec<DatasetColumn>,
}

impl Dataset {
    /// Connects and begins to read as of now.
    pub async fn open(database: &Postgresql, table: &TableName) -> Result<Self, DatabaseError> {
        let mut connection = connect::begin(database).await?;
        let found = sqlx::query(RELATION).bind(&table.schema).bind(&table.table);
        let Some(row) = found.fetch_optional(&mut connection).await? else {
            return Err(DatabaseError::Absent(vec![table.clone()]));
        };
        if !row.try_get::<bool, _>("is_readable")? {
            let user = database.user.clone();
            return Err(DatabaseError::NotReadable { table: table.clone(), user });
        }
        if row.try_get::<bool, _>("is_secured")? {
            return Err(DatabaseError::Secured(vec![table.clone()]));
        }
        let oid: i64 = row.try_get("oid")?;
        let rows = sqlx::query(COLUMNS).bind(oid).fetch_all(&mut connection).await?;
        let columns = rows.iter().map(column).collect::<Result<_, DatabaseError>>()?;
        Ok(Self { connection, table: table.clone(), columns })
    }

    /// All of its rows as CSV with a line of names, in an order that the same rows always have.
    pub async fn rows(mut self, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, DatabaseError> {
        let mut text = Zeroizing::new(Vec::new());
        let statement = statement(&self.table, &self.columns);
        let mut stream = self.connection.copy_out_raw(&statement).await?;
        while let Some(piece) = std::future::poll_fn(|context| match stream.as_mut().poll_next(context) {
            Poll::Ready(piece) => Poll::Ready(piece),
            Poll::Pending => Poll::Pending,
        })
        .await
        {
            let piece = piece?;
            if text.len().saturating_add(piece.len()) > bytes_max {
                return Err(DatabaseError::TooLarge { table: self.table.clone(), bytes_max });
            }
            text.extend_from_slice(&piece);
        }
        drop(stream);
        // Nothing was changed: how it ends says nothing about the rows.
        drop(self.connection.close().await);
        Ok(text)
    }
}

fn column(row: &PgRow) -> Result<DatasetColumn, DatabaseError> {
    Ok(DatasetColumn {
        name: row.try_get("name")?,
        type_name: row.try_get("type")?,
        is_nullable: row.try_get("is_nullable")?,
        base: row.try_get("base")?,
    })
}

/// Instants are told as the clocks of Tokyo showed them, because days are counted there. Bytes have no text that an extract
/// could hold: such a column is empty.
fn statement(table: &TableName, columns: &[DatasetColumn]) -> String {
    let told = columns.iter().map(|column| {
        let name = quoted(&column.name);
        match column.base.as_str() {
            "timestamptz" => format!(
                "pg_catalog.to_char(kura_0.{name} AT TIME ZONE 'Asia/Tokyo', 'YYYY-MM-DD HH24:MI:SS') AS {name}"
            ),
            "bytea" => format!("NULL::text AS {name}"),
            _ => format!("kura_0.{name}"),
        }
    });
    let (schema, name) = (quoted(&table.schema), quoted(&table.table));
    let told = told.collect::<Vec<_>>().join(", ");
    // Views have no keys: rows are put in order by their text. Rows that look the same may change places.
    format!(
        "COPY (SELECT {told} FROM {schema}.{name} AS kura_0 ORDER BY (kura_0.*)::text COLLATE \"C\") \
         TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE *)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_times_are_those_of_tokyo_and_bytes_are_left_out() {
        let column = |name: &str, base: &str| DatasetColumn {
            name: name.to_owned(),
            type_name: base.to_owned(),
            is_nullable: true,
            base: base.to_owned(),
        };
        let columns = [column("a\"b", "text"), column("at", "timestamptz"), column("image", "bytea")];
        let made = statement(&"emr.受診\u{3000}x".parse().expect("a name"), &columns);
        assert!(
            made.starts_with("COPY (SELECT kura_0.\"a\"\"b\", pg_catalog.to_char(kura_0.\"at\" AT"),
            "{made}"
        );
        assert!(made.contains("NULL::text AS \"image\" FROM \"emr\".\"受診\u{3000}x\" AS kura_0"), "{made}");
    }
}
