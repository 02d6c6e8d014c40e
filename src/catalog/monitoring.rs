//! Monitoring: how each target stands, what was heard of it and when it changed.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use super::convert::Columns;
use super::tx::Tx;
use super::{Catalog, CatalogError};
use crate::domain::monitor::{Answer, Heard, Pulse, Standing, Tally, Verdict};
use crate::domain::time::{Day, Instant};

const TABLE: &str = "monitor_targets";

/// Of two programs that asked at once one is told that the other was first.
const PUT: &str = "
INSERT INTO monitor_targets
    (target, standing, since, successes, failures, streak_from, asked_at, known_at, answer, silenced)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (target) DO UPDATE
SET standing = excluded.standing, since = excluded.since, successes = excluded.successes,
    failures = excluded.failures, streak_from = excluded.streak_from, asked_at = excluded.asked_at,
    known_at = excluded.known_at, answer = excluded.answer, silenced = excluded.silenced
WHERE monitor_targets.asked_at = $11";

const ALL: &str = "
SELECT target, standing, since, successes, failures, streak_from, asked_at, known_at, answer, silenced
FROM monitor_targets
ORDER BY target
LIMIT 10000";

const ADD_ANSWER: &str = "
INSERT INTO monitor_answers (target, at, answer, silenced)
VALUES ($1, $2, $3, $4)
ON CONFLICT (target, at) DO NOTHING";

const ANSWERS: &str = "
SELECT target, at, answer, silenced
FROM monitor_answers
WHERE target = $1
ORDER BY at DESC
LIMIT $2";

const FORGET_ANSWERS: &str = "
DELETE FROM monitor_answers
WHERE at < $1";

const COUNT_DAY: &str = "
INSERT INTO monitor_days (target, day, good, bad, silenced, unknown)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (target, day) DO UPDATE
SET good = monitor_days.good + excluded.good, bad = monitor_days.bad + excluded.bad,
    silenced = monitor_days.silenced + excluded.silenced, unknown = monitor_days.unknown + excluded.unknown";

const DAYS: &str = "
SELECT target, day, good, bad, silenced, unknown
FROM monitor_days
WHERE day >= $1 AND day <= $2
ORDER BY target, day
LIMIT 100000";

const ADD_CHANGE: &str = "
INSERT INTO monitor_changes (target, at, since, standing, answer)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (target, at) DO NOTHING";

const CHANGES: &str = "
SELECT target, at, since, standing, answer
FROM monitor_changes
WHERE (target = $1 OR $1 = '') AND at > $2
ORDER BY at DESC, target
LIMIT $3";

/// A target that began to be up or down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MonitorChange {
    /// The target.
    pub target: String,
    /// When that was noticed.
    pub at: Instant,
    /// Since when it was so.
    pub since: Instant,
    /// Up or down.
    pub standing: Standing,
    /// The answer that made it so.
    pub answer: Answer,
}

/// What came of asking a target once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MonitorCheck {
    /// The target.
    pub target: String,
    /// When it had been asked before; the change counts only if nobody asked since.
    pub before: Option<Instant>,
    /// What is known now.
    pub pulse: Pulse,
    /// What was heard.
    pub heard: Heard,
    /// The civil day for which it counts.
    pub day: Day,
}

impl Catalog {
    /// How each target stands, by name.
    pub async fn monitor_pulses(&self) -> Result<BTreeMap<String, Pulse>, CatalogError> {
        let rows = sqlx::query(ALL).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(pulse).collect()
    }

    /// The last `limit` answers of a target, newest first.
    pub async fn monitor_answers(&self, target: &str, limit: u32) -> Result<Vec<Heard>, CatalogError> {
        let rows =
            sqlx::query(ANSWERS).bind(target).bind(i64::from(limit)).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(heard).collect()
    }

    /// At most `limit` changes of a target (of all, if its name is empty) after an instant, newest first.
    pub async fn monitor_changes(
        &self,
        target: &str,
        after: Instant,
        limit: u32,
    ) -> Result<Vec<MonitorChange>, CatalogError> {
        let query = sqlx::query(CHANGES).bind(target).bind(after.as_micros()).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(change).collect()
    }

    /// What was heard on the days from `first` to `last`, by target and day.
    pub async fn monitor_days(
        &self,
        first: Day,
        last: Day,
    ) -> Result<Vec<(String, Day, Tally)>, CatalogError> {
        let query = sqlx::query(DAYS).bind(first.to_string()).bind(last.to_string());
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(tally).collect()
    }

    /// Notes an answer that changed nothing. Nobody decided anything, so the audit log has no line of it. `Stale` if
    /// somebody asked meanwhile.
    pub async fn note_monitor_check(&self, check: &MonitorCheck) -> Result<(), CatalogError> {
        let mut tx = self.engine.begin().await?;
        let noted = note(&mut tx, check).await.map_err(|error| self.engine.failed(error))?;
        if !noted {
            return Err(CatalogError::Stale { table: TABLE, id: check.target.clone() });
        }
        self.engine.commit(tx).await
    }

    /// Forgets answers from before an instant; what they were stays counted by day.
    pub async fn forget_monitor_answers(&self, before: Instant) -> Result<u64, CatalogError> {
        let done = sqlx::query(FORGET_ANSWERS).bind(before.as_micros()).execute(self.engine.pool()).await;
        Ok(done.map_err(|error| self.engine.failed(error))?.rows_affected())
    }
}

impl Tx {
    /// Notes an answer that changed how a target stands. `Stale` if somebody asked meanwhile.
    pub async fn change_monitor_target(&mut self, check: &MonitorCheck) -> Result<(), CatalogError> {
        let noted = note(self.connection(), check).await.map_err(|error| self.failed(error))?;
        if !noted {
            return Err(CatalogError::Stale { table: TABLE, id: check.target.clone() });
        }
        let query = sqlx::query(ADD_CHANGE)
            .bind(&check.target)
            .bind(check.heard.at.as_micros())
            .bind(check.pulse.since.as_micros())
            .bind(check.pulse.standing.word())
            .bind(check.heard.answer.word());
        let done = query.execute(self.connection()).await;
        done.map(drop).map_err(|error| self.failed(error))
    }
}

/// Notes an answer in all its places; `false` if somebody asked meanwhile.
async fn note(connection: &mut SqliteConnection, check: &MonitorCheck) -> Result<bool, sqlx::Error> {
    let (pulse, heard) = (&check.pulse, &check.heard);
    let put = sqlx::query(PUT)
        .bind(&check.target)
        .bind(pulse.standing.word())
        .bind(pulse.since.as_micros())
        .bind(i64::from(pulse.successes))
        .bind(i64::from(pulse.failures))
        .bind(pulse.streak_from.as_micros())
        .bind(pulse.asked_at.as_micros())
        .bind(pulse.known_at.as_micros())
        .bind(pulse.answer.word())
        .bind(pulse.is_silenced)
        .bind(check.before.map(Instant::as_micros));
    if put.execute(&mut *connection).await?.rows_affected() == 0 {
        return Ok(false);
    }
    let answer = sqlx::query(ADD_ANSWER)
        .bind(&check.target)
        .bind(heard.at.as_micros())
        .bind(heard.answer.word())
        .bind(heard.is_silenced);
    answer.execute(&mut *connection).await?;
    let one = |is: bool| i64::from(is);
    let verdict = heard.answer.verdict();
    let day = sqlx::query(COUNT_DAY)
        .bind(&check.target)
        .bind(check.day.to_string())
        .bind(one(verdict == Verdict::Good && !heard.is_silenced))
        .bind(one(verdict == Verdict::Bad && !heard.is_silenced))
        .bind(one(verdict != Verdict::Unknown && heard.is_silenced))
        .bind(one(verdict == Verdict::Unknown));
    day.execute(&mut *connection).await?;
    Ok(true)
}

fn count(columns: &Columns<'_>, column: &'static str) -> Result<u32, CatalogError> {
    u32::try_from(columns.number(column)?).map_err(|_| columns.corrupt(column))
}

fn pulse(row: &SqliteRow) -> Result<(String, Pulse), CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["target"] };
    let pulse = Pulse {
        standing: Standing::of_word(columns.get("standing")?).ok_or_else(|| columns.corrupt("standing"))?,
        since: columns.instant("since")?,
        successes: count(&columns, "successes")?,
        failures: count(&columns, "failures")?,
        streak_from: columns.instant("streak_from")?,
        asked_at: columns.instant("asked_at")?,
        known_at: columns.instant("known_at")?,
        answer: Answer::of_word(columns.get("answer")?).ok_or_else(|| columns.corrupt("answer"))?,
        is_silenced: columns.get("silenced")?,
    };
    Ok((columns.get("target")?, pulse))
}

fn heard(row: &SqliteRow) -> Result<Heard, CatalogError> {
    let columns = Columns { row, table: "monitor_answers", key: &["target", "at"] };
    Ok(Heard {
        answer: Answer::of_word(columns.get("answer")?).ok_or_else(|| columns.corrupt("answer"))?,
        at: columns.instant("at")?,
        is_silenced: columns.get("silenced")?,
    })
}

fn change(row: &SqliteRow) -> Result<MonitorChange, CatalogError> {
    let columns = Columns { row, table: "monitor_changes", key: &["target", "at"] };
    Ok(MonitorChange {
        target: columns.get("target")?,
        at: columns.instant("at")?,
        since: columns.instant("since")?,
        standing: Standing::of_word(columns.get("standing")?).ok_or_else(|| columns.corrupt("standing"))?,
        answer: Answer::of_word(columns.get("answer")?).ok_or_else(|| columns.corrupt("answer"))?,
    })
}

fn tally(row: &SqliteRow) -> Result<(String, Day, Tally), CatalogError> {
    let columns = Columns { row, table: "monitor_days", key: &["target", "day"] };
    let tally = Tally {
        good: columns.number("good")?,
        bad: columns.number("bad")?,
        silenced: columns.number("silenced")?,
        unknown: columns.number("unknown")?,
    };
    Ok((columns.get("target")?, columns.day("day")?, tally))
}
