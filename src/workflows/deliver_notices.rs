//! Pushing notices to portals: at least once, with an id that never changes, until the portal has taken each revision.
//!
//! The notices themselves are the queue: what has no row in the outbox yet gets one on the next beat, so that nothing is
//! lost between a decision and its delivery. A crash after the POST and before its note sends the same id again.

use serde_json::json;

use crate::catalog::{Message, NoticeRow};
use crate::clock::Clock;
use crate::config::{self, PushSettings};
use crate::credentials::webhook::WebhookSecret;
use crate::domain::notice::{ATTEMPTS_MAX, retry_minutes};
use crate::domain::time::Instant;
use crate::portal::{Portal, PortalError};

use super::desk::{Desk, DeskError};
use super::sign_in::line;

/// Messages that are sent to one target in one go.
const AT_ONCE: u32 = 20;

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Its address.
    #[error(transparent)]
    Address(#[from] crate::portal::BadAddress),
    /// The file of its secret.
    #[error(transparent)]
    File(#[from] config::ConfigError),
    /// What is in the file.
    #[error("{} of the target {name}: {source}", .file.display())]
    Secret {
        /// The target.
        name: String,
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        source: crate::credentials::webhook::BadSecret,
    },
}

/// A portal that notices are pushed to.
pub struct Target {
    name: String,
    portal: Portal,
    secret: WebhookSecret,
}

impl Target {
    /// The target that the settings describe.
    pub fn open(settings: &PushSettings) -> Result<Self, TargetError> {
        let bytes = zeroize::Zeroizing::new(config::read_file(&settings.secret_file)?);
        let secret = WebhookSecret::read(&String::from_utf8_lossy(&bytes)).map_err(|source| {
            TargetError::Secret { name: settings.name.clone(), file: settings.secret_file.clone(), source }
        })?;
        Ok(Self { name: settings.name.clone(), portal: Portal::new(&settings.url)?, secret })
    }
}

/// What a delivery did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Delivered {
    /// Messages that arrived.
    pub arrived: u32,
    /// Attempts that failed.
    pub failed: u32,
}

/// Sends what is due to a target.
pub async fn deliver(desk: &Desk, target: &Target, clock: &dyn Clock) -> Result<Delivered, DeskError> {
    desk.catalog.enqueue(&target.name, clock.now()).await?;
    let due = desk.catalog.due_messages(&target.name, clock.now(), AT_ONCE).await?;
    let mut done = Delivered::default();
    if due.is_empty() {
        return Ok(done);
    }
    let notices = desk.catalog.notices(10_000).await?;
    for message in &due {
        let next = clock.now().plus_minutes(retry_minutes(message.attempts));
        if !desk.catalog.take_message(message, next).await? {
            continue;
        }
        let found =
            notices.iter().find(|row| row.notice == message.notice && row.revision == message.revision);
        let outcome = match found {
            Some(row) => post(target, message, row, clock.now()).await,
            // A newer revision has taken its place and has a message of its own.
            None => Ok("superseded".to_owned()),
        };
        if note(desk, target, message, outcome, clock.now()).await? {
            done.arrived += 1;
        } else {
            done.failed += 1;
        }
    }
    Ok(done)
}

async fn post(
    target: &Target,
    message: &Message,
    row: &NoticeRow,
    at: Instant,
) -> Result<String, PortalError> {
    let body = json!({
        "type": "notice.published", "timestamp": at.to_string(),
        "data": {
            "id": row.notice, "revision": row.revision, "kind": row.kind.word(), "status": row.status.word(),
            "title": row.words.title, "body": row.words.body, "title_en": row.words.title_en,
            "body_en": row.words.body_en, "impact": if row.stops { "full" } else { "none" },
            "work_window": { "start": row.work_from.to_string(), "end": row.work_until.map(|at| at.to_string()) },
            "published_at": row.published_at.to_string(), "updated_at": row.updated_at.to_string(),
        },
    });
    let body = body.to_string();
    let headers = [
        ("webhook-id", message.message.clone()),
        ("webhook-timestamp", at.as_seconds().to_string()),
        ("webhook-signature", target.secret.sign(&message.message, at, &body)),
        ("idempotency-key", message.message.clone()),
    ];
    Ok(target.portal.post(&headers, body).await?.to_string())
}

/// Notes what became of an attempt; says whether the message has arrived.
async fn note(
    desk: &Desk,
    target: &Target,
    message: &Message,
    outcome: Result<String, PortalError>,
    now: Instant,
) -> Result<bool, DeskError> {
    let attempts = message.attempts.saturating_add(1);
    match outcome {
        Ok(receipt) => {
            let mut tx = desk.catalog.begin().await?;
            tx.delivered(&message.message, &receipt, now).await?;
            let detail = format!("to {}: {receipt}, attempt {attempts}", target.name);
            tx.commit(&[line(now, "kura", "notice.deliver", &message.message, &detail)]).await?;
            Ok(true)
        }
        Err(error) if attempts >= ATTEMPTS_MAX => {
            let mut tx = desk.catalog.begin().await?;
            tx.give_up(&message.message, &error.to_string(), now).await?;
            let detail = format!("to {}: {error}, attempt {attempts}", target.name);
            tx.commit(&[line(now, "kura", "notice.give-up", &message.message, &detail)]).await?;
            tracing::error!(
                target.name,
                message.id = message.message,
                "a notice could not be delivered; given up"
            );
            Ok(false)
        }
        Err(error) => {
            tracing::warn!(target.name, message.id = message.message, attempts, %error, "a notice is sent again later");
            Ok(false)
        }
    }
}
