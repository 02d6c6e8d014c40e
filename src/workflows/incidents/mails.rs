//! Mails of incidents to contacts (別紙4): sent until the server has taken them or they are given up, by one sender at a time;
//! a crash between sending and noting sends the same message id again. The checklist is ticked when one has arrived.

use secrecy::SecretString;

use crate::catalog::{MailRow, TickRow};
use crate::clock::Clock;
use crate::config::{self, MailSettings};
use crate::domain::incident::IncidentState;
use crate::domain::incident_contact::Way;
use crate::domain::notice::{ATTEMPTS_MAX, retry_minutes};
use crate::domain::time::Instant;
use crate::portal::mail::{Letter, Mailbag};
use crate::workflows::desk::{Desk, DeskError};
use crate::workflows::sign_in::line;

use super::notes::{self, Happened};

/// Mails that are sent in one go.
const AT_ONCE: u32 = 20;
/// The list that the letters belong to.
const LIST: &str = "incidents";

/// Sends what is due. How many arrived.
pub async fn deliver(desk: &Desk, clock: &dyn Clock) -> Result<u32, DeskError> {
    let due = desk.catalog.due_incident_mails(clock.now(), AT_ONCE).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let mut arrived = 0;
    for mail in &due {
        let next = clock.now().plus_minutes(retry_minutes(mail.attempts));
        if !desk.catalog.take_incident_mail(mail, next).await? {
            continue;
        }
        let outcome = match &desk.incidents.server {
            Some(server) => send(desk, server, mail, clock.now()).await?,
            None => Err("kura.toml names no mail server ([[mail]])".to_owned()),
        };
        arrived += u32::from(note(desk, mail, outcome, clock.now()).await?);
    }
    Ok(arrived)
}

/// The step that a mail tells of; it stands in its id.
fn step_of(message: &str) -> Option<IncidentState> {
    message.split('.').nth(1).and_then(IncidentState::of_word)
}

/// Sends a mail; why the server did not take it.
async fn send(
    desk: &Desk,
    server: &MailSettings,
    mail: &MailRow,
    now: Instant,
) -> Result<Result<(), String>, DeskError> {
    let contact = desk.incidents.contacts.iter().find(|contact| contact.id == mail.contact);
    let Some(address) = contact.and_then(|contact| contact.mail.clone()) else {
        return Ok(Err("contacts.toml names no address of this contact".to_owned()));
    };
    let mut incident = super::look(desk, &mail.incident).await?;
    // Each mail tells of its own step, also if the next one was taken before it was sent.
    if let Some(step) = step_of(&mail.message) {
        incident.row.state = incident.row.state.min(step);
    }
    if incident.row.state.lasts() {
        incident.row.recovered_at = None;
    }
    let letter = Letter {
        id: mail.message.clone(),
        follows: Vec::new(),
        subject: format!("【障害連絡】{}（{}）", incident.row.incident, incident.row.state.japanese()),
        body: incident.call(desk, now),
        list: LIST,
        archive: None,
        at: now,
    };
    let server = MailSettings { to: vec![address], ..server.clone() };
    let bag = match Mailbag::new(&server, password(&server)) {
        Ok(bag) => bag,
        // Its words may quote the address.
        Err(_) => return Ok(Err("the mail server or the address cannot be used".to_owned())),
    };
    Ok(bag.send(&letter).await.map(drop).map_err(|error| error.to_string()))
}

fn password(server: &MailSettings) -> Option<SecretString> {
    Some(config::secret_line(server.password_file.as_ref()?).ok()?.as_str().into())
}

/// Notes what became of an attempt; whether the mail has arrived.
async fn note(
    desk: &Desk,
    mail: &MailRow,
    outcome: Result<(), String>,
    now: Instant,
) -> Result<bool, DeskError> {
    let attempts = mail.attempts.saturating_add(1);
    let is_delivered = outcome.is_ok();
    if let Err(error) = &outcome
        && attempts < ATTEMPTS_MAX
    {
        tracing::warn!(message.id = mail.message, attempts, error, "a mail is sent again later");
        return Ok(false);
    }
    let mut tx = desk.catalog.begin().await?;
    tx.end_incident_mail(&mail.message, is_delivered, now).await?;
    let (japanese, english) = if is_delivered {
        ("e-mail で連絡しました", "Told by e-mail")
    } else {
        ("e-mail を送信できませんでした。電話またはFAXで連絡してください", "A mail could not be sent: call")
    };
    if is_delivered {
        let (contact, told_by) = (mail.contact.clone(), "kura".to_owned());
        let tick = TickRow { contact, way: Way::Mail, told_at: now, told_by };
        // Told of an earlier state already: the first time stays.
        match tx.tick_contact(&mail.incident, &tick).await.map_err(DeskError::from) {
            Ok(()) | Err(DeskError::Stale(_)) => {}
            Err(error) => return Err(error),
        }
    }
    let words = (format!("{japanese}：{}", mail.contact), format!("{english}: {}", mail.contact));
    let what =
        Happened { actor: "kura", kind: "contact", reference: format!("mail/{}", mail.message), words };
    notes::happened(&mut tx, &mail.incident, what, (now, 0)).await?;
    let act = if is_delivered { "incident.mail" } else { "incident.mail-given-up" };
    let detail = format!("{}, attempt {attempts}", mail.message);
    tx.commit(&[line(now, "kura", act, &mail.incident, &detail)]).await?;
    Ok(is_delivered)
}
