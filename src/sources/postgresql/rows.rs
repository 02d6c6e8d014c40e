//! The statements that read rows: which days a table has and what shows that one is as it was, and each day's rows.
//!
//! Names of tables and columns cannot be bound: they are quoted here and nowhere else.

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::domain::source_kind::TableName;
use crate::domain::time::Zone;

use super::DatabaseError;
use super::tables::{Column, ForeignKey, Table};

/// How the columns that tell a day are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DayType {
    /// An instant: its civil day in the plan's zone.
    Instant,
    /// A civil time or a date: its day as written.
    Civil,
}

impl DayType {
    /// By the name of the column's type.
    pub(super) fn of(type_name: &str) -> Option<Self> {
        match type_name {
            "timestamptz" => Some(Self::Instant),
            "timestamp" | "date" => Some(Self::Civil),
            _ => None,
        }
    }
}

/// How the rows of one table are read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// `FROM` with the parents that tell the day.
    from: String,
    /// How the day is found; none for a table without days.
    day: Option<DayColumn>,
    /// The names of the columns that are copied, quoted.
    columns: Vec<String>,
    /// The stable order.
    order: String,
}

/// A step from a table to a parent.
pub(super) struct Step<'a> {
    /// The parent.
    pub(super) parent: &'a Table,
    /// The key that leads to it.
    pub(super) key: ForeignKey,
}

/// One day of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct DayCount {
    /// Days since 1970-01-01; none for rows whose day is NULL, infinite or beyond any calendar.
    pub(super) day: Option<i32>,
    /// Rows.
    pub(super) rows: i64,
    /// The sum of hashes that say which transaction wrote each row, and where: it does not depend on their order.
    pub(super) sum: String,
}

impl Reading {
    /// How to read `table`: `steps` lead to the table whose `day` column tells the day.
    pub(super) fn new(
        table: &Table,
        columns: &[Column],
        primary_key: &[String],
        steps: &[Step<'_>],
        day: Option<(&str, DayType, &Zone)>,
    ) -> Self {
        let mut from = format!("{} AS kura_0", relation(table));
        for (number, step) in steps.iter().enumerate() {
            let (left, right) = (format!("kura_{number}"), format!("kura_{}", number + 1));
            let pairs: Vec<String> = step
                .key
                .iter()
                .map(|(own, other)| format!("{left}.{} = {right}.{}", quoted(own), quoted(other)))
                .collect();
            from.push_str(&format!(
                " LEFT JOIN {} AS {right} ON {}",
                relation(step.parent),
                pairs.join(" AND ")
            ));
        }
        let day = day.map(|(column, kind, zone)| DayColumn::new(steps.len(), column, kind, zone));
        let copied = columns.iter().filter(|column| !column.is_generated);
        let columns = copied.map(|column| quoted(&column.name)).collect();
        let keys: Vec<String> = primary_key.iter().map(|name| format!("kura_0.{}", quoted(name))).collect();
        // Without a key, rows that look the same may change places: nobody can tell.
        let order =
            if keys.is_empty() { "(kura_0.*)::text COLLATE \"C\"".to_owned() } else { keys.join(", ") };
        Self { from, day, columns, order }
    }

    /// The names of the copied columns, quoted, with commas.
    pub(super) fn columns(&self) -> String {
        self.columns.join(", ")
    }

    /// Whether its rows have days.
    pub(super) fn has_days(&self) -> bool {
        self.day.is_some()
    }

    /// Counts the rows of each day and sums what tells their versions apart: one scan that reads no column but the day's.
    ///
    /// Whatever is inserted or changed is a row of a transaction (`xmin`) that no earlier snapshot showed, and what is
    /// deleted lowers the count. The table that holds a row stands beside it, for partitions that change places. What
    /// changes the text of rows without writing them is in `tables::shape`.
    fn count_statement(&self) -> String {
        let day = self.day.as_ref().map_or("NULL::date", |day| &day.day);
        format!(
            "SELECT (kura_day - DATE '1970-01-01')::int4 AS day, count(*)::int8 AS rows, \
             coalesce(sum(kura_version), 0)::text AS sum \
             FROM (SELECT {day} AS kura_day, \
             hashint8extended((kura_0.tableoid::int8 << 32) | kura_0.xmin::text::int8, 0) AS kura_version FROM {}) \
             AS kura_rows GROUP BY 1 ORDER BY 1 NULLS FIRST",
            self.from
        )
    }

    /// Copies the rows of a day (`None`: those without one), or all rows of a table without days.
    pub(super) fn copy_statement(&self, day: Option<i32>) -> String {
        let wanted = match (&self.day, day) {
            (None, _) => String::new(),
            (Some(found), None) => format!(" WHERE ({}) IS NULL", found.day),
            (Some(found), Some(day)) => format!(" WHERE {}", found.is(day)),
        };
        format!(
            "COPY (SELECT {} FROM {}{wanted} ORDER BY {}) TO STDOUT",
            self.selected().join(", "),
            self.from,
            self.order
        )
    }

    /// Copies all rows in the order of their days, each with the number of its day before it; none for a table without
    /// days.
    pub(super) fn sorted_statement(&self) -> Option<String> {
        let day = &self.day.as_ref()?.day;
        let mut columns = vec![format!("({day} - DATE '1970-01-01')::int4")];
        columns.extend(self.selected());
        Some(format!(
            "COPY (SELECT {} FROM {} ORDER BY 1, {}) TO STDOUT",
            columns.join(", "),
            self.from,
            self.order
        ))
    }

    /// The copied columns. Parents may have columns of the same name.
    fn selected(&self) -> Vec<String> {
        self.columns.iter().map(|name| format!("kura_0.{name}")).collect()
    }
}

/// The column that tells the day.
#[derive(Clone, Debug)]
struct DayColumn {
    /// The column.
    column: String,
    /// The civil day of a row. One that no calendar has, such as infinity, is NULL.
    day: String,
    /// The zone, as a literal, if the column is an instant.
    zone: Option<String>,
}

impl DayColumn {
    fn new(step: usize, column: &str, kind: DayType, zone: &Zone) -> Self {
        let column = format!("kura_{step}.{}", quoted(column));
        let zone = (kind == DayType::Instant).then(|| literal(zone.name()));
        let day = match &zone {
            Some(zone) => format!("({column} AT TIME ZONE {zone})::date"),
            None => format!("{column}::date"),
        };
        let day = format!(
            "CASE WHEN isfinite({column}) AND {column} >= '0002-01-01' AND {column} < '9998-01-01' THEN {day} END"
        );
        Self { column, day, zone }
    }

    /// Whether a row is of a day. The range lets an index on the column be used; two hours more on both sides, because
    /// in some zones a clock is set at midnight. The day itself decides.
    fn is(&self, day: i32) -> String {
        let (column, exactly) = (&self.column, &self.day);
        let date = |day: i32| format!("(DATE '1970-01-01' + {day})");
        let (first, next) = (date(day), date(day.saturating_add(1)));
        let range = match &self.zone {
            Some(zone) => format!(
                "{column} >= ({first}::timestamp AT TIME ZONE {zone}) - INTERVAL '2 hours' AND \
                 {column} < ({next}::timestamp AT TIME ZONE {zone}) + INTERVAL '2 hours'"
            ),
            None => format!("{column} >= {first} AND {column} < {next}"),
        };
        format!("{range} AND ({exactly}) = {first}")
    }
}

fn relation(table: &Table) -> String {
    let TableName { schema, table: name } = &table.name;
    // Rows of tables that inherit belong to those; partitions have no rows of their own names.
    let only = if table.is_root { "" } else { "ONLY " };
    format!("{only}{}.{}", quoted(schema), quoted(name))
}

/// An identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A statement with names in it, all of them quoted here.
pub(super) fn made(statement: String) -> sqlx::AssertSqlSafe<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "names of tables and columns cannot be bound; `quoted` and `literal` made them safe"
    )]
    sqlx::AssertSqlSafe(statement)
}

/// What days a table has.
pub(super) async fn count(
    connection: &mut PgConnection,
    reading: &Reading,
) -> Result<Vec<DayCount>, DatabaseError> {
    let statement = made(reading.count_statement());
    let rows = sqlx::query(statement).fetch_all(connection).await?;
    let day = |row: &sqlx::postgres::PgRow| -> Result<DayCount, DatabaseError> {
        Ok(DayCount { day: row.try_get("day")?, rows: row.try_get("rows")?, sum: row.try_get("sum")? })
    };
    rows.iter().map(day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, is_root: bool) -> Table {
        Table { oid: 1, name: name.parse().unwrap(), is_root, is_secured: false, is_readable: true }
    }

    fn column(name: &str, type_name: &str, is_generated: bool) -> Column {
        Column { name: name.to_owned(), type_name: type_name.to_owned(), is_generated }
    }

    #[test]
    fn names_are_quoted_and_a_day_is_one_of_the_zone() {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        let columns =
            [column("id", "int8", false), column("a\", b", "text", false), column("sum", "int4", true)];
        let day = Some(("発信\"日時", DayType::Instant, &zone));
        let reading = Reading::new(&table("emr.受診", false), &columns, &["id".to_owned()], &[], day);
        assert_eq!(reading.columns(), "\"id\", \"a\"\", b\"");
        let copied = reading.copy_statement(Some(20_000));
        assert!(
            copied.starts_with("COPY (SELECT kura_0.\"id\", kura_0.\"a\"\", b\" FROM ONLY \"emr\".\"受診\""),
            "{copied}"
        );
        assert!(copied.contains("(kura_0.\"発信\"\"日時\" AT TIME ZONE 'Asia/Tokyo')::date"), "{copied}");
        assert!(
            copied.ends_with("= (DATE '1970-01-01' + 20000) ORDER BY kura_0.\"id\") TO STDOUT"),
            "{copied}"
        );
        assert!(reading.copy_statement(None).contains("IS NULL ORDER BY"));
    }

    #[test]
    fn a_child_is_joined_to_the_parent_that_has_the_day() {
        let zone = Zone::named("Asia/Tokyo").unwrap();
        let (child, parent) = (table("child", false), table("parent", true));
        let key = vec![("parent_id".to_owned(), "id".to_owned())];
        let steps = [Step { parent: &parent, key }];
        let day = Some(("sent_on", DayType::Civil, &zone));
        let reading = Reading::new(&child, &[column("x", "int4", false)], &[], &steps, day);
        let counted = reading.count_statement();
        let joined = "LEFT JOIN \"public\".\"parent\" AS kura_1 ON kura_0.\"parent_id\" = kura_1.\"id\"";
        assert!(counted.contains(joined), "{counted}");
        assert!(counted.contains("kura_1.\"sent_on\"::date"), "{counted}");
        assert!(counted.contains("kura_0.xmin") && !counted.contains("kura_1.xmin"), "{counted}");
        let sorted = reading.sorted_statement().unwrap();
        assert!(sorted.ends_with("ORDER BY 1, (kura_0.*)::text COLLATE \"C\") TO STDOUT"), "{sorted}");
        assert!(sorted.contains("- DATE '1970-01-01')::int4, kura_0.\"x\" FROM"), "{sorted}");
        let all = Reading::new(&child, &[column("x", "int4", false)], &[], &[], None);
        let wanted = "COPY (SELECT kura_0.\"x\" FROM ONLY \"public\".\"child\" AS kura_0 \
                      ORDER BY (kura_0.*)::text COLLATE \"C\") TO STDOUT";
        assert_eq!((all.copy_statement(None).as_str(), all.sorted_statement()), (wanted, None));
    }
}
