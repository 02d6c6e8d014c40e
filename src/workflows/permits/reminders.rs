//! Reminders of permits by mail, to those who confirm (サービス運用者, システム運用者 of contacts.toml): one for each stage, each
//! revision and each contact. A crash between sending and noting sends the same message id again.

use secrecy::SecretString;

use crate::catalog::{PermitMailEnd, PermitMailRow};
use crate::clock::Clock;
use crate::config::{self, MailSettings};
use crate::domain::incident_contact::{Contact, Group};
use crate::domain::notice::{ATTEMPTS_MAX, retry_minutes};
use crate::domain::permit::Permit;
use crate::domain::permit_reminder::Reminder;
use crate::domain::time::Instant;
use crate::portal::mail::{Letter, Mailbag};
use crate::workflows::desk::{Desk, DeskError};
use crate::workflows::sign_in::line;

use super::zone;

/// Reminders that are sent in one go.
const AT_ONCE: u32 = 20;
/// The list that the letters belong to.
const LIST: &str = "permits";

/// Queues what somebody has to be reminded of now; how many. Without a mail server or contacts nothing is queued: the list
/// of what is overdue and the alarm say it too.
pub async fn queue(desk: &Desk, now: Instant) -> Result<u32, DeskError> {
    let is_told = |contact: &&Contact| matches!(contact.group, Group::ServiceOperator | Group::HelpDesk);
    let contacts = desk.incidents.contacts.iter().filter(is_told).filter(|contact| contact.mail.is_some());
    let contacts: Vec<&Contact> = contacts.collect();
    if desk.incidents.server.is_none() || contacts.is_empty() {
        return Ok(0);
    }
    let mut queued = 0;
    for row in desk.catalog.permits_open().await? {
        let Some(stage) = Reminder::of(&row.permit, &zone(), now) else { continue };
        let number = &row.permit.number;
        for contact in &contacts {
            let message = format!("{number}.{}.{}.{}", row.revision, stage.word(), contact.id);
            let is_new = desk.catalog.queue_permit_mail(&message, (number, stage), &contact.id, now).await?;
            queued += u32::from(is_new);
        }
    }
    Ok(queued)
}

/// Sends what is due. How many arrived.
pub async fn deliver(desk: &Desk, clock: &dyn Clock) -> Result<u32, DeskError> {
    let mut arrived = 0;
    for mail in desk.catalog.due_permit_mails(clock.now(), AT_ONCE).await? {
        let next = clock.now().plus_minutes(retry_minutes(mail.attempts));
        if !desk.catalog.take_permit_mail(&mail, next).await? {
            continue;
        }
        let permit = super::of_number(&desk.catalog, &mail.permit).await?.permit;
        if Reminder::of(&permit, &zone(), clock.now()) != Some(mail.stage) {
            note(desk, &mail, PermitMailEnd::Dropped, clock.now()).await?;
            continue;
        }
        match send(desk, &mail, &permit, clock.now()).await {
            Ok(()) => {
                note(desk, &mail, PermitMailEnd::Delivered, clock.now()).await?;
                arrived += 1;
            }
            Err(error) if mail.attempts.saturating_add(1) < ATTEMPTS_MAX => {
                let attempts = mail.attempts.saturating_add(1);
                tracing::warn!(message.id = mail.message, attempts, error, "a reminder is sent again later");
            }
            Err(error) => {
                tracing::error!(message.id = mail.message, error, "a reminder of a permit could not be sent");
                note(desk, &mail, PermitMailEnd::GivenUp, clock.now()).await?;
            }
        }
    }
    Ok(arrived)
}

/// Sends a reminder; why the server did not take it. Without addresses: they are data of persons.
async fn send(desk: &Desk, mail: &PermitMailRow, permit: &Permit, now: Instant) -> Result<(), String> {
    let contact = desk.incidents.contacts.iter().find(|contact| contact.id == mail.contact);
    let address = contact.and_then(|contact| contact.mail.clone());
    let address = address.ok_or("contacts.toml names no address of this contact")?;
    let server = desk.incidents.server.as_ref().ok_or("kura.toml names no mail server ([[mail]])")?;
    let (subject, body) = mail.stage.words(permit);
    let letter = Letter {
        id: mail.message.clone(),
        follows: Vec::new(),
        subject,
        body,
        list: LIST,
        archive: None,
        at: now,
    };
    let server = MailSettings { to: vec![address], ..server.clone() };
    // Its words may quote the address.
    let bag = Mailbag::new(&server, password(&server))
        .map_err(|_| "the mail server or the address cannot be used".to_owned())?;
    bag.send(&letter).await.map(drop).map_err(|error| error.to_string())
}

fn password(server: &MailSettings) -> Option<SecretString> {
    Some(config::secret_line(server.password_file.as_ref()?).ok()?.as_str().into())
}

async fn note(desk: &Desk, mail: &PermitMailRow, end: PermitMailEnd, now: Instant) -> Result<(), DeskError> {
    let mut tx = desk.catalog.begin().await?;
    tx.end_permit_mail(&mail.message, end, now).await?;
    let attempt = mail.attempts.saturating_add(1);
    let detail = format!("{}, attempt {attempt}: {}", mail.message, end.word());
    Ok(tx.commit(&[line(now, "kura", "permit.remind", &mail.permit, &detail)]).await?)
}
