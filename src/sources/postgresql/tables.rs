//! What a database has: tables, columns, keys; and what of it Kura cannot keep.

use std::collections::BTreeMap;

use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgRow};

use crate::domain::source_kind::TableName;

use super::DatabaseError;

/// Every table that people made. Partitions belong to their root; what an extension made, the extension makes again.
const TABLES: &str = "
    SELECT c.oid::int8 AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind = 'p' AS is_root,
           pg_catalog.row_security_active(c.oid) AS is_secured,
           pg_catalog.has_schema_privilege(n.oid, 'USAGE')
               AND pg_catalog.has_table_privilege(c.oid, 'SELECT') AS is_readable
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
      AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                      WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid
                        AND d.deptype = 'e')
    ORDER BY 2, 3";

/// The columns of a table in their order.
const COLUMNS: &str = "
    SELECT a.attname::text AS name, t.typname::text AS type, a.attgenerated <> '' AS is_generated
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = $1::int8::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum";

/// The primary key of a table, in the key's order.
const PRIMARY_KEY: &str = "
    SELECT a.attname::text AS name
    FROM pg_catalog.pg_index i
    CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
    WHERE i.indrelid = $1::int8::pg_catalog.oid AND i.indisprimary
    ORDER BY k.place";

/// The foreign keys from one table to another: name, own column, the other's column.
const FOREIGN_KEYS: &str = "
    SELECT k.conname::text AS name, a.attname::text AS own, b.attname::text AS other
    FROM pg_catalog.pg_constraint k
    CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(k.conkey), pg_catalog.unnest(k.confkey))
        WITH ORDINALITY AS u(own, other, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.own
    JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.other
    WHERE k.contype = 'f' AND k.conrelid = $1::int8::pg_catalog.oid AND k.confrelid = $2::int8::pg_catalog.oid
    ORDER BY 1, u.place";

/// Whether an index begins with a column.
const HAS_INDEX: &str = "
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = $1::int8::pg_catalog.oid AND a.attname = $2 AND i.indisvalid AND i.indpred IS NULL
    ) AS it";

/// What the text of a table's rows depends on beside the rows: which column is which, of what type, and what rows that
/// are older than a column have in it.
const SHAPE: &str = "
    SELECT coalesce(string_agg(format('%s %s %s %s', a.attnum, a.atttypid, a.atttypmod, a.attmissingval::text),
                               ',' ORDER BY c.oid, a.attnum), '') AS it
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    WHERE (c.oid = $1::int8::pg_catalog.oid
           OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1::int8::pg_catalog.regclass)))
      AND a.attnum > 0 AND NOT a.attisdropped";

/// What it depends on in all tables alike: the server's major version, the labels of enumerations, the fields of
/// composite types.
const TYPES: &str = "
    SELECT concat(
        pg_catalog.current_setting('server_version_num')::int4 / 10000, ';',
        (SELECT string_agg(format('%s %s', e.oid, e.enumlabel), ',' ORDER BY e.oid) FROM pg_catalog.pg_enum e), ';',
        (SELECT string_agg(format('%s %s %s', a.attrelid, a.attnum, a.atttypid), ',' ORDER BY a.attrelid, a.attnum)
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
         WHERE c.relkind = 'c' AND NOT a.attisdropped)) AS it";

/// How many large objects there are.
const LARGE_OBJECTS: &str = "SELECT count(*) AS it FROM pg_catalog.pg_largeobject_metadata";

/// A table as the database has it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// Its number in the database.
    pub(super) oid: i64,
    /// Its name.
    pub(super) name: TableName,
    /// Whether it is the root of partitions: rows lie below it.
    pub(super) is_root: bool,
    /// Whether a row policy hides rows from this role.
    pub(super) is_secured: bool,
    /// Whether this role may read it.
    pub(super) is_readable: bool,
}

/// A column.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Its name.
    pub(super) name: String,
    /// Its type's name.
    pub(super) type_name: String,
    /// Whether the database computes it.
    pub(super) is_generated: bool,
}

/// A foreign key: own columns and those they point to.
pub(super) type ForeignKey = Vec<(String, String)>;

/// All tables, by name.
pub(super) async fn all(connection: &mut PgConnection) -> Result<BTreeMap<TableName, Table>, DatabaseError> {
    let rows = sqlx::query(TABLES).fetch_all(connection).await?;
    let table = |row: &PgRow| -> Result<(TableName, Table), DatabaseError> {
        let name = TableName { schema: row.try_get("schema")?, table: row.try_get("name")? };
        let table = Table {
            oid: row.try_get("oid")?,
            name: name.clone(),
            is_root: row.try_get("is_root")?,
            is_secured: row.try_get("is_secured")?,
            is_readable: row.try_get("is_readable")?,
        };
        Ok((name, table))
    };
    rows.iter().map(table).collect()
}

/// The columns of a table.
pub(super) async fn columns(
    connection: &mut PgConnection,
    table: &Table,
) -> Result<Vec<Column>, DatabaseError> {
    let rows = sqlx::query(COLUMNS).bind(table.oid).fetch_all(connection).await?;
    let column = |row: &PgRow| -> Result<Column, DatabaseError> {
        Ok(Column {
            name: row.try_get("name")?,
            type_name: row.try_get("type")?,
            is_generated: row.try_get("is_generated")?,
        })
    };
    rows.iter().map(column).collect()
}

/// The columns of a table's primary key; none if it has none.
pub(super) async fn primary_key(
    connection: &mut PgConnection,
    table: &Table,
) -> Result<Vec<String>, DatabaseError> {
    let rows = sqlx::query(PRIMARY_KEY).bind(table.oid).fetch_all(connection).await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

/// The foreign key from one table to another; there must be one and no more.
pub(super) async fn foreign_key(
    connection: &mut PgConnection,
    child: &Table,
    parent: &Table,
) -> Result<ForeignKey, DatabaseError> {
    let rows = sqlx::query(FOREIGN_KEYS).bind(child.oid).bind(parent.oid).fetch_all(connection).await?;
    let mut keys: BTreeMap<String, ForeignKey> = BTreeMap::new();
    for row in &rows {
        keys.entry(row.try_get("name")?).or_default().push((row.try_get("own")?, row.try_get("other")?));
    }
    let count = keys.len();
    match keys.into_values().next() {
        Some(key) if count == 1 => Ok(key),
        Some(_) | None => {
            Err(DatabaseError::NoForeignKey { child: child.name.clone(), parent: parent.name.clone(), count })
        }
    }
}

/// Whether an index begins with a column.
pub(super) async fn has_index(
    connection: &mut PgConnection,
    table: &Table,
    column: &str,
) -> Result<bool, DatabaseError> {
    let row = sqlx::query(HAS_INDEX).bind(table.oid).bind(column).fetch_one(connection).await?;
    Ok(row.try_get("it")?)
}

/// What the text of a table's rows depends on beside the rows: equal as long as unchanged rows give the same text.
pub(super) async fn shape(connection: &mut PgConnection, table: &Table) -> Result<String, DatabaseError> {
    let row = sqlx::query(SHAPE).bind(table.oid).fetch_one(connection).await?;
    Ok(row.try_get("it")?)
}

/// What the text of all tables' rows depends on.
pub(super) async fn types(connection: &mut PgConnection) -> Result<String, DatabaseError> {
    let row = sqlx::query(TYPES).fetch_one(connection).await?;
    Ok(row.try_get("it")?)
}

/// How many large objects the database has.
pub(super) async fn large_objects(connection: &mut PgConnection) -> Result<i64, DatabaseError> {
    let row = sqlx::query(LARGE_OBJECTS).fetch_one(connection).await?;
    Ok(row.try_get("it")?)
}
