//! Looks through access logs: what was counted, how far a file was read, and who has reviewed it. No line of a log.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::domain::access_log::{LogLook, LogPlace};
use crate::domain::account::AccountId;
use crate::domain::time::Instant;

const TABLE: &str = "log_looks";

/// Of two programs that looked at once one is told that the other was first.
const ADD: &str = "
INSERT INTO log_looks (log, number, at, file, offset_bytes, lines, counts, gap, trouble)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (log, number) DO NOTHING";

const LAST: &str = "
SELECT log, number, at, file, offset_bytes, lines, counts, gap, trouble, reviewed_at, reviewed_by, remark
FROM log_looks
WHERE log = $1
ORDER BY number DESC
LIMIT $2";

const OPEN: &str = "
SELECT log, number, at, file, offset_bytes, lines, counts, gap, trouble, reviewed_at, reviewed_by, remark
FROM log_looks
WHERE reviewed_at IS NULL
ORDER BY log, number
LIMIT 10000";

const REVIEW: &str = "
UPDATE log_looks
SET reviewed_at = $3, reviewed_by = $4, remark = $5
WHERE log = $1 AND number <= $2 AND reviewed_at IS NULL";

/// A look through a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogLookRow {
    /// The log.
    pub log: String,
    /// Its place among the looks through that log, from 1.
    pub number: u64,
    /// When.
    pub at: Instant,
    /// How far a file was read.
    pub place: LogPlace,
    /// What was found.
    pub look: LogLook,
    /// Who has reviewed it, when, and what he says.
    pub review: Option<(Instant, String, String)>,
}

impl Catalog {
    /// The last `limit` looks through a log, newest first.
    pub async fn log_looks(&self, log: &str, limit: u32) -> Result<Vec<LogLookRow>, CatalogError> {
        let rows = sqlx::query(LAST).bind(log).bind(i64::from(limit)).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The looks that nobody has reviewed, by log, oldest first.
    pub async fn open_log_looks(&self) -> Result<Vec<LogLookRow>, CatalogError> {
        let rows = sqlx::query(OPEN).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }
}

impl Tx {
    /// Adds a look. `Stale` if somebody looked meanwhile.
    pub async fn add_log_look(&mut self, row: &LogLookRow) -> Result<(), CatalogError> {
        let counts: Vec<String> =
            row.look.counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        let query = sqlx::query(ADD)
            .bind(&row.log)
            .bind(stored(row.number, TABLE, "number")?)
            .bind(row.at.as_micros())
            .bind(stored(row.place.file, TABLE, "file")?)
            .bind(stored(row.place.offset, TABLE, "offset_bytes")?)
            .bind(stored(row.look.lines, TABLE, "lines")?)
            .bind(counts.join("\n"))
            .bind(row.look.is_gap)
            .bind(&row.look.trouble);
        self.changed_one(query, TABLE, &row.log).await
    }

    /// Notes that somebody has reviewed all looks through a log up to a number; how many there were.
    pub async fn review_log_looks(
        &mut self,
        (log, number): (&str, u64),
        (by, remark): (&AccountId, &str),
        now: Instant,
    ) -> Result<u64, CatalogError> {
        let query = sqlx::query(REVIEW)
            .bind(log)
            .bind(stored(number, TABLE, "number")?)
            .bind(now.as_micros())
            .bind(by.as_str())
            .bind(remark);
        let done = query.execute(self.connection()).await;
        Ok(done.map_err(|error| self.failed(error))?.rows_affected())
    }
}

fn read(row: &SqliteRow) -> Result<LogLookRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["log", "number"] };
    let counts: &str = columns.get("counts")?;
    let count = |line: &str| {
        let (count, name) = line.split_once(' ')?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    let counts = counts.lines().map(|line| count(line).ok_or_else(|| columns.corrupt("counts")));
    let reviewed = columns.optional_instant("reviewed_at")?;
    let by: Option<String> = columns.get("reviewed_by")?;
    let remark: Option<String> = columns.get("remark")?;
    Ok(LogLookRow {
        log: columns.get("log")?,
        number: columns.number("number")?,
        at: columns.instant("at")?,
        place: LogPlace { file: columns.number("file")?, offset: columns.number("offset_bytes")? },
        look: LogLook {
            lines: columns.number("lines")?,
            counts: counts.collect::<Result<_, _>>()?,
            is_gap: columns.get("gap")?,
            trouble: columns.get("trouble")?,
        },
        review: reviewed.zip(by).map(|(at, by)| (at, by, remark.unwrap_or_default())),
    })
}
