//! Notices: each revision is a row, nothing is overwritten, the highest revision is what is shown.

use sqlx::sqlite::SqliteRow;

use super::convert::{Columns, stored};
use super::tx::Tx;
use super::{Catalog, CatalogError, Place};
use crate::domain::notice::{NoticeKind, NoticeStatus, Words};
use crate::domain::time::Instant;

const TABLE: &str = "notices";

const INSERT: &str = "
INSERT INTO notices (notice, revision, kind, status, window_id, occurrence, title, body, title_en, body_en, stops,
    work_from, work_until, published_at, updated_at, closed_at, incident)
VALUES ($1, $2, $3, $4, NULLIF($5, ''), $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (notice, revision) DO NOTHING";

/// The highest revision of each, newest first.
const LATEST: &str = "
SELECT notice, revision, kind, status, window_id, occurrence, title, body, title_en, body_en, stops, work_from,
    work_until, published_at, updated_at, closed_at, incident
FROM notices
WHERE revision = (SELECT MAX(other.revision) FROM notices AS other WHERE other.notice = notices.notice)
ORDER BY updated_at DESC, notice DESC
LIMIT $1";

/// A page of all, current or not.
const PAGE: &str = "
SELECT notice, revision, kind, status, window_id, occurrence, title, body, title_en, body_en, stops, work_from,
    work_until, published_at, updated_at, closed_at, incident
FROM notices
WHERE revision = (SELECT MAX(other.revision) FROM notices AS other WHERE other.notice = notices.notice)
    AND (updated_at, notice) < ($1, $2)
ORDER BY updated_at DESC, notice DESC
LIMIT $3";

/// Those that tell of what is to come or goes on: planned or begun, and not closed.
const STANDING: &str = "
SELECT notice, revision, kind, status, window_id, occurrence, title, body, title_en, body_en, stops, work_from,
    work_until, published_at, updated_at, closed_at, incident
FROM notices
WHERE revision = (SELECT MAX(other.revision) FROM notices AS other WHERE other.notice = notices.notice)
    AND closed_at IS NULL AND status IN ('scheduled', 'in_progress')
ORDER BY updated_at DESC, notice DESC
LIMIT 10000";

/// Those of a window that are not closed.
const OF_WINDOW: &str = "
SELECT notice, revision, kind, status, window_id, occurrence, title, body, title_en, body_en, stops, work_from,
    work_until, published_at, updated_at, closed_at, incident
FROM notices
WHERE revision = (SELECT MAX(other.revision) FROM notices AS other WHERE other.notice = notices.notice)
    AND window_id = $1 AND closed_at IS NULL
ORDER BY updated_at DESC, notice DESC
LIMIT 10000";

/// The one that names an occurrence: its own, or that of its window.
const OF_OCCURRENCE: &str = "
SELECT notice, revision, kind, status, window_id, occurrence, title, body, title_en, body_en, stops, work_from,
    work_until, published_at, updated_at, closed_at, incident
FROM notices
WHERE revision = (SELECT MAX(other.revision) FROM notices AS other WHERE other.notice = notices.notice)
    AND window_id = $1 AND (occurrence = $2 OR occurrence IS NULL)
ORDER BY CASE WHEN occurrence IS NULL THEN 1 ELSE 0 END, updated_at DESC, notice DESC
LIMIT 1";

/// The revisions of one, oldest first, from a number on.
const REVISIONS: &str = "
SELECT notice, revision, kind, status, window_id, occurrence, title, body, title_en, body_en, stops, work_from,
    work_until, published_at, updated_at, closed_at, incident
FROM notices
WHERE notice = $1 AND revision > $2
ORDER BY revision
LIMIT $3";

/// One, in its highest revision.
const NEWEST: &str = "
SELECT notice, revision, kind, status, window_id, occurrence, title, body, title_en, body_en, stops, work_from,
    work_until, published_at, updated_at, closed_at, incident
FROM notices
WHERE notice = $1
ORDER BY revision DESC
LIMIT 1";

const COUNT: &str = "SELECT COUNT(DISTINCT notice) FROM notices WHERE notice LIKE $1";

/// A revision of a notice.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoticeRow {
    /// Its number, such as `N-2026-0001`; empty before it is added.
    pub notice: String,
    /// From 1.
    pub revision: u32,
    /// What it tells.
    pub kind: NoticeKind,
    /// Where that stands.
    pub status: NoticeStatus,
    /// The window; empty for an incident.
    pub window: String,
    /// The occurrence, if it is about one.
    pub occurrence: Option<String>,
    /// The words.
    pub words: Words,
    /// Whether services stop meanwhile.
    pub stops: bool,
    /// When the work begins.
    pub work_from: Instant,
    /// When it ends; `None` for occurrences without an end.
    pub work_until: Option<Instant>,
    /// When the first revision came.
    pub published_at: Instant,
    /// When this one came.
    pub updated_at: Instant,
    /// Since when it is no longer among the current ones.
    pub closed_at: Option<Instant>,
    /// The incident that it tells of; `None` for one of a window.
    pub incident: Option<String>,
}

impl Catalog {
    /// The newest `limit` notices, each in its highest revision, last changed first.
    pub async fn notices(&self, limit: u32) -> Result<Vec<NoticeRow>, CatalogError> {
        let rows = sqlx::query(LATEST).bind(i64::from(limit)).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// At most `limit` notices after a place, last changed first.
    pub async fn notices_page(&self, after: &Place, limit: u32) -> Result<Vec<NoticeRow>, CatalogError> {
        let query = sqlx::query(PAGE).bind(after.at.as_micros()).bind(&after.id).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The notices that tell of what is to come or goes on, last changed first.
    pub async fn standing_notices(&self) -> Result<Vec<NoticeRow>, CatalogError> {
        let rows = sqlx::query(STANDING).fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }

    /// The notice that names an occurrence of a window: its own, or else that of the window.
    pub async fn notice_of(&self, window: &str, occurrence: &str) -> Result<Option<NoticeRow>, CatalogError> {
        let query = sqlx::query(OF_OCCURRENCE).bind(window).bind(occurrence);
        let row = query.fetch_optional(self.engine.readers()).await;
        row.map_err(|error| self.engine.failed(error))?.as_ref().map(read).transpose()
    }

    /// At most `limit` revisions of a notice after a number, oldest first.
    pub async fn notice_revisions(
        &self,
        notice: &str,
        after: u32,
        limit: u32,
    ) -> Result<Vec<NoticeRow>, CatalogError> {
        let query = sqlx::query(REVISIONS).bind(notice).bind(i64::from(after)).bind(i64::from(limit));
        let rows = query.fetch_all(self.engine.readers()).await;
        rows.map_err(|error| self.engine.failed(error))?.iter().map(read).collect()
    }
}

impl Tx {
    /// The notices of a window that are not closed, each in its highest revision, last changed first.
    pub async fn notices_of(&mut self, window: &str) -> Result<Vec<NoticeRow>, CatalogError> {
        let rows = sqlx::query(OF_WINDOW).bind(window).fetch_all(self.connection()).await;
        rows.map_err(|error| self.failed(error))?.iter().map(read).collect()
    }

    /// A notice in its highest revision, if it is not closed.
    pub async fn open_notice(&mut self, notice: &str) -> Result<Option<NoticeRow>, CatalogError> {
        let row = sqlx::query(NEWEST).bind(notice).fetch_optional(self.connection()).await;
        let row = row.map_err(|error| self.failed(error))?.as_ref().map(read).transpose()?;
        Ok(row.filter(|row| row.closed_at.is_none()))
    }

    /// Adds a notice under the next number of the year and returns it.
    pub async fn add_notice(&mut self, notice: &NoticeRow, year: i16) -> Result<String, CatalogError> {
        let count = self.scalar(sqlx::query_scalar(COUNT).bind(format!("N-{year}-%"))).await?;
        let number = format!("N-{year}-{:04}", count + 1);
        self.add_revision(&NoticeRow { notice: number.clone(), revision: 1, ..notice.clone() }).await?;
        Ok(number)
    }

    /// Adds the next revision of a notice. `Stale` if somebody else did a moment ago.
    pub async fn add_revision(&mut self, row: &NoticeRow) -> Result<(), CatalogError> {
        let query = sqlx::query(INSERT)
            .bind(&row.notice)
            .bind(stored(u64::from(row.revision), TABLE, "revision")?)
            .bind(row.kind.word())
            .bind(row.status.word())
            .bind(&row.window)
            .bind(row.occurrence.as_deref())
            .bind(&row.words.title)
            .bind(&row.words.body)
            .bind(&row.words.title_en)
            .bind(&row.words.body_en)
            .bind(row.stops)
            .bind(row.work_from.as_micros())
            .bind(row.work_until.map(Instant::as_micros))
            .bind(row.published_at.as_micros())
            .bind(row.updated_at.as_micros())
            .bind(row.closed_at.map(Instant::as_micros))
            .bind(row.incident.as_deref());
        self.changed_one(query, TABLE, &row.notice).await
    }
}

/// A revision from its columns.
pub(super) fn read(row: &SqliteRow) -> Result<NoticeRow, CatalogError> {
    let columns = Columns { row, table: TABLE, key: &["notice", "revision"] };
    let revision = columns.number("revision")?;
    Ok(NoticeRow {
        notice: columns.get("notice")?,
        revision: u32::try_from(revision).map_err(|_| columns.corrupt("revision"))?,
        kind: NoticeKind::of_word(columns.get("kind")?).ok_or_else(|| columns.corrupt("kind"))?,
        status: NoticeStatus::of_word(columns.get("status")?).ok_or_else(|| columns.corrupt("status"))?,
        window: columns.get::<Option<String>>("window_id")?.unwrap_or_default(),
        occurrence: columns.get("occurrence")?,
        words: Words {
            title: columns.get("title")?,
            body: columns.get("body")?,
            title_en: columns.get("title_en")?,
            body_en: columns.get("body_en")?,
        },
        stops: columns.get("stops")?,
        work_from: columns.instant("work_from")?,
        work_until: columns.optional_instant("work_until")?,
        published_at: columns.instant("published_at")?,
        updated_at: columns.instant("updated_at")?,
        closed_at: columns.optional_instant("closed_at")?,
        incident: columns.get("incident")?,
    })
}
