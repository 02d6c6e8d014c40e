//! Sending notices to portals and by mail: at least once, with an id that never changes, until each revision was taken.
//!
//! The notices themselves are the queue: what has no row in the outbox yet gets one on the next beat, so that nothing is
//! lost between a decision and its delivery. A crash after the sending and before its note sends the same id again.

use serde_json::json;

use crate::archive::digest::Sha256;
use crate::catalog::{Message, Posted};
use crate::clock::Clock;
use crate::config::{self, MailSettings, PushSettings, Settings};
use crate::credentials::webhook::WebhookSecret;
use crate::domain::board::over_since;
use crate::domain::notice::{ATTEMPTS_MAX, retry_minutes};
use crate::domain::time::Instant;
use crate::portal::mail::{Letter, Mailbag};
use crate::portal::{Portal, PortalError};

use super::desk::{Desk, DeskError};
use super::publish::short_head;
use super::sign_in::line;

/// Messages that are sent to one target in one go.
const AT_ONCE: u32 = 20;
/// The list that the letters belong to.
const LIST: &str = "notices";

/// Why a target cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Its address.
    #[error("[[push]] {name}: {source}")]
    Address {
        /// The target.
        name: String,
        /// Why.
        source: crate::portal::BadAddress,
    },
    /// Its mail server or addresses.
    #[error("[[mail]] {name}: {source}")]
    Mail {
        /// The target.
        name: String,
        /// Why.
        source: crate::portal::mail::BadMail,
    },
    /// The file of its secret.
    #[error(transparent)]
    File(#[from] config::ConfigError),
    /// What is in the file.
    #[error("{} of [[push]] {name}: {source}", .file.display())]
    Secret {
        /// The target.
        name: String,
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        source: crate::credentials::webhook::BadSecret,
    },
    /// Two targets have one name, by which deliveries are kept apart.
    #[error("two of [[push]] and [[mail]] are called {0:?}: give each a name of its own")]
    Twice(String),
}

/// How a target is reached.
enum Way {
    Portal { portal: Portal, secret: WebhookSecret },
    Mail { bag: Mailbag, base: String },
}

/// A portal, or people with mail, that notices are sent to.
pub struct Target {
    name: String,
    way: Way,
}

/// Every target of the settings. `base` is the address of the public pages.
pub fn targets(settings: &Settings, base: &str) -> Result<Vec<Target>, TargetError> {
    let portals = settings.push.iter().map(Target::open);
    let all = portals.chain(settings.mail.iter().map(|mail| Target::mail(mail, base)));
    let all = all.collect::<Result<Vec<Target>, _>>()?;
    let mut names: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some([name, ..]) => Err(TargetError::Twice((*name).to_owned())),
        _ => Ok(all),
    }
}

impl Target {
    /// The portal that the settings describe.
    pub fn open(settings: &PushSettings) -> Result<Self, TargetError> {
        let bytes = zeroize::Zeroizing::new(config::read_file(&settings.secret_file)?);
        let secret = WebhookSecret::read(&String::from_utf8_lossy(&bytes)).map_err(|source| {
            TargetError::Secret { name: settings.name.clone(), file: settings.secret_file.clone(), source }
        })?;
        let portal = Portal::new(&settings.url)
            .map_err(|source| TargetError::Address { name: settings.name.clone(), source })?;
        Ok(Self { name: settings.name.clone(), way: Way::Portal { portal, secret } })
    }

    /// The people with mail that the settings describe.
    pub fn mail(settings: &MailSettings, base: &str) -> Result<Self, TargetError> {
        let password = match &settings.password_file {
            Some(file) => Some(config::secret_line(file)?.as_str().into()),
            None => None,
        };
        let bag = Mailbag::new(settings, password)
            .map_err(|source| TargetError::Mail { name: settings.name.clone(), source })?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { name: settings.name.clone(), way: Way::Mail { bag, base } })
    }

    /// Whether it is told that a notice was taken away. People are not: what they were sent says when it ends.
    const fn hears_of_closing(&self) -> bool {
        matches!(self.way, Way::Portal { .. })
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
    let now = clock.now();
    desk.catalog.enqueue(&target.name, over_since(now), target.hears_of_closing(), now).await?;
    let due = desk.catalog.due_messages(&target.name, now, AT_ONCE).await?;
    let mut done = Delivered::default();
    for message in &due {
        let next = clock.now().plus_minutes(retry_minutes(message.attempts));
        if !desk.catalog.take_message(message, next).await? {
            continue;
        }
        let newest = desk.catalog.notice(&message.notice).await?;
        let outcome = match newest.filter(|posted| posted.row.revision == message.revision) {
            Some(posted) => send(desk, target, message, &posted, clock.now()).await,
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

/// Sends a message; what the other side answered, or why it did not take it.
async fn send(
    desk: &Desk,
    target: &Target,
    message: &Message,
    posted: &Posted,
    at: Instant,
) -> Result<String, String> {
    match &target.way {
        Way::Portal { portal, secret } => {
            let status = post((portal, secret), message, posted, desk, at).await;
            status.map(|status| status.to_string()).map_err(|error| error.to_string())
        }
        Way::Mail { bag, base } => {
            let head = desk.catalog.audit_newest(1).await.map_err(|error| error.to_string())?;
            let head = head.first().map(|line| (line.sequence, Sha256(line.digest)));
            bag.send(&letter(posted, base, head)).await.map_err(|error| error.to_string())
        }
    }
}

/// A notice as mail: both languages, where to read on, and how far the audit log is (so that a later log that lacks this
/// line is found out).
fn letter(posted: &Posted, base: &str, head: Option<(u64, Sha256)>) -> Letter {
    let row = &posted.row;
    let head = head.map_or_else(String::new, |(sequence, digest)| {
        let head = short_head(sequence, &digest);
        format!("監査記録の控え / audit head: {head}\n")
    });
    Letter {
        id: format!("{}.{}", row.notice, row.revision),
        follows: (1..row.revision).map(|before| format!("{}.{before}", row.notice)).collect(),
        subject: row.words.title.clone(),
        body: format!(
            "{}\n\n{}\n{}\n\n{}\n-- \n{base}/notices#{}\n{head}",
            row.words.title, row.words.body, row.words.title_en, row.words.body_en, row.notice
        ),
        list: LIST,
        archive: Some(format!("{base}/notices")),
        at: row.updated_at,
    }
}

async fn post(
    (portal, secret): (&Portal, &WebhookSecret),
    message: &Message,
    posted: &Posted,
    desk: &Desk,
    at: Instant,
) -> Result<u16, PortalError> {
    let row = &posted.row;
    let supersedes = row.revision.checked_sub(1).filter(|before| *before > 0);
    let body = json!({
        "type": "notice.published", "timestamp": at.to_string(),
        "data": {
            "id": row.notice, "revision": row.revision, "kind": row.kind.word(), "status": row.status.word(),
            "title": row.words.title, "body": row.words.body, "title_en": row.words.title_en,
            "body_en": row.words.body_en, "impact": if row.stops { "full" } else { "none" },
            "affected": posted.services, "approval_id": posted.approval,
            "supersedes": supersedes.map(|before| format!("{}.{before}", row.notice)),
            "contact": desk.sender.contact, "tz": posted.zone.name(),
            "work_window": { "start": row.work_from.to_string(), "end": row.work_until.map(|at| at.to_string()) },
            "published_at": row.published_at.to_string(), "updated_at": row.updated_at.to_string(),
            "closed_at": row.closed_at.map(|at| at.to_string()),
        },
    });
    let body = body.to_string();
    let headers = [
        ("webhook-id", message.message.clone()),
        ("webhook-timestamp", at.as_seconds().to_string()),
        ("webhook-signature", secret.sign(&message.message, at, &body)),
        ("idempotency-key", message.message.clone()),
    ];
    portal.post(&headers, body).await
}

/// Notes what became of an attempt; says whether the message has arrived.
async fn note(
    desk: &Desk,
    target: &Target,
    message: &Message,
    outcome: Result<String, String>,
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
            tx.give_up(&message.message, &error, now).await?;
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
            tracing::warn!(
                target.name,
                message.id = message.message,
                attempts,
                error,
                "a notice is sent again later"
            );
            Ok(false)
        }
    }
}
