//! `kura plan check` for a database: does it answer, and what is missing.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;

use crate::domain::plan::Class;
use crate::domain::source_kind::{Postgresql, TableClock, TableName};
use crate::sources::Basis;

use super::tables::{self, Table};
use super::{DatabaseError, connect, missing_indexes, reading_of, refuse_as_a_whole, schema, sorted};

/// What is missing, in words; empty if nothing is.
pub async fn check(basis: &Basis<'_>, settings: &Postgresql) -> Vec<String> {
    let mut missing = Vec::new();
    if let Err(error) = look(basis, settings, &mut missing).await {
        missing.push(error.to_string());
    }
    missing
}

async fn look(
    basis: &Basis<'_>,
    settings: &Postgresql,
    missing: &mut Vec<String>,
) -> Result<(), DatabaseError> {
    let mut connection = connect::begin(settings).await?;
    let server = schema::server_version(&mut connection).await?;
    if let Err(reason) = schema::Programs::find(server) {
        missing.push(reason);
    }
    let tables = tables::all(&mut connection).await?;
    if let Err(error) = refuse_as_a_whole(&mut connection, settings, &tables).await {
        missing.push(error.to_string());
    }
    let wants_system = basis.plan.class() == Class::System;
    for rule in &settings.tables {
        let Some(table) = tables.get(&rule.name) else { continue };
        if matches!(rule.clock, TableClock::System) == wants_system {
            table_lacks(&mut connection, (basis, settings), table, &tables, missing).await?;
        }
    }
    Ok(())
}

async fn table_lacks(
    connection: &mut PgConnection,
    (basis, settings): (&Basis<'_>, &Postgresql),
    table: &Table,
    tables: &BTreeMap<TableName, Table>,
    missing: &mut Vec<String>,
) -> Result<(), DatabaseError> {
    let way = match reading_of(connection, (settings, basis.plan.zone()), table, tables).await {
        Ok((_, way)) => way,
        Err(error) if error.is_of_connection() => return Err(error),
        Err(error) => {
            missing.push(error.to_string());
            return Ok(());
        }
    };
    for (name, column) in missing_indexes(connection, &way).await? {
        let line = format!(
            "no index of {name} begins with {column:?}: where more than {} days changed, the whole table is read and \
             sorted, on the disk too; CREATE INDEX ON {name} ({column})",
            sorted::SINGLE_DAYS
        );
        // The way from two tables may lead over the same column.
        if !missing.contains(&line) {
            missing.push(line);
        }
    }
    if tables::primary_key(connection, table).await?.is_empty() {
        missing.push(format!(
            "{} has no primary key: its rows are sorted by their text, which is slower",
            table.name
        ));
    }
    Ok(())
}
