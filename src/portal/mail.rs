//! Sending mail: one letter with a deadline through one server. What is written, and when again, is the workflows'.
//!
//! A letter's fields are made into headers by lettre, which encodes and folds them; before that every control character
//! of a field becomes a space, so that no text can add a header or end the message.

use std::time::{Duration, UNIX_EPOCH};

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::{MailSettings, MailTls};
use crate::domain::time::Instant;

/// The longest that a mail server may take for each step.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Why a mail server of the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMail {
    /// An address.
    #[error("{0:?} is no address for mail, such as お知らせ <notices@example.jp>")]
    Address(String),
    /// Nobody is written to.
    #[error("`to` names nobody")]
    Nobody,
    /// A server elsewhere without TLS.
    #[error("none-on-loopback is for a server on this machine (127.0.0.1, ::1, localhost), not for {0}")]
    Plain(String),
    /// The server's name.
    #[error("{0:?} is no name of a server")]
    Host(String),
    /// A user without a password, or the other way round.
    #[error("`user` and `password_file` belong together")]
    Credentials,
    /// A password over a connection that everybody can read.
    #[error("a password is never sent without TLS")]
    PlainPassword,
}

/// Why a mail server has not taken a letter.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It cannot be reached, or is not who it should be.
    #[error("the mail server cannot be reached or trusted")]
    Unreachable(#[source] lettre::transport::smtp::Error),
    /// It answered that it did not take it.
    #[error("the mail server answered {0}")]
    Refused(String),
    /// The letter cannot be written.
    #[error("the letter cannot be written")]
    Letter(#[source] lettre::error::Error),
}

/// What is sent.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Stays the same for every attempt; the part before the `@`.
    pub id: String,
    /// The letters that this one follows, oldest first; the parts before the `@`.
    pub follows: Vec<String>,
    /// The subject, in any language.
    pub subject: String,
    /// The body, plain text.
    pub body: String,
    /// Which list it belongs to, in ASCII: `notices`.
    pub list: &'static str,
    /// Where everything that was sent can be read.
    pub archive: Option<String>,
    /// The date it bears.
    pub at: Instant,
}

/// A server that takes letters, with who writes and to whom.
pub struct Mailbag {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl std::fmt::Debug for Mailbag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mailbag")
    }
}

fn mailbox(text: &str) -> Result<Mailbox, BadMail> {
    let is_plain = !text.contains(char::is_control);
    text.parse().ok().filter(|_| is_plain).ok_or_else(|| BadMail::Address(text.to_owned()))
}

impl Mailbag {
    /// The server of the settings.
    pub fn new(settings: &MailSettings, password: Option<SecretString>) -> Result<Self, BadMail> {
        let from = mailbox(&settings.from)?;
        let to = settings.to.iter().map(|text| mailbox(text)).collect::<Result<Vec<_>, _>>()?;
        if to.is_empty() {
            return Err(BadMail::Nobody);
        }
        let host = settings.host.as_str();
        let parameters = || TlsParameters::new(host.to_owned()).map_err(|_| BadMail::Host(host.to_owned()));
        let (tls, port) = match settings.tls {
            MailTls::Wrapper => (Tls::Wrapper(parameters()?), 465),
            MailTls::Starttls => (Tls::Required(parameters()?), 587),
            MailTls::NoneOnLoopback if !matches!(host, "127.0.0.1" | "::1" | "localhost") => {
                return Err(BadMail::Plain(host.to_owned()));
            }
            MailTls::NoneOnLoopback if password.is_some() => return Err(BadMail::PlainPassword),
            MailTls::NoneOnLoopback => (Tls::None, 25),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(settings.port.unwrap_or(port))
            .tls(tls)
            .timeout(Some(ANSWER_MAX));
        builder = match (&settings.user, password) {
            (None, None) => builder,
            (Some(user), Some(password)) => {
                builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()))
            }
            _ => return Err(BadMail::Credentials),
        };
        Ok(Self { transport: builder.build(), from, to })
    }

    /// Sends a letter; what the server answered when it took it.
    pub async fn send(&self, letter: &Letter) -> Result<String, MailError> {
        let message = self.write(letter).map_err(MailError::Letter)?;
        match self.transport.send(message).await {
            Ok(answer) => Ok(answer.code().to_string()),
            Err(error) => match error.status() {
                Some(code) => Err(MailError::Refused(code.to_string())),
                None => Err(MailError::Unreachable(error)),
            },
        }
    }

    fn write(&self, letter: &Letter) -> Result<Message, lettre::error::Error> {
        let domain = self.from.email.domain();
        let id = |local: &String| format!("<{}@{domain}>", local.replace(['<', '>', '@', ' '], "-"));
        let seconds = u64::try_from(letter.at.as_seconds()).unwrap_or(0);
        // Several people do not learn of each other: the letter is addressed to who writes it.
        let shown = match self.to.as_slice() {
            [one] => one.clone(),
            _ => self.from.clone(),
        };
        let addresses: Vec<Address> = self.to.iter().map(|mailbox| mailbox.email.clone()).collect();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .to(shown)
            .envelope(Envelope::new(Some(self.from.email.clone()), addresses)?)
            .date(UNIX_EPOCH + Duration::from_secs(seconds))
            .message_id(Some(id(&one_line(&letter.id))))
            .subject(one_line(&letter.subject));
        let follows: Vec<String> = letter.follows.iter().map(|local| id(&one_line(local))).collect();
        if let Some(last) = follows.last() {
            builder = builder.in_reply_to(last.clone()).references(follows.join(" "));
        }
        let archive =
            letter.archive.as_deref().map(|address| ("List-Archive", format!("<{}>", one_line(address))));
        let list = [
            ("List-Id", format!("<{}.{domain}>", letter.list)),
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("X-Auto-Response-Suppress", "All".to_owned()),
        ];
        for (name, value) in list.into_iter().chain(archive) {
            builder = builder.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
        }
        builder.header(ContentType::TEXT_PLAIN).body(letter.body.clone())
    }
}

/// A text as one line: each control character and line break is a space.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn settings(change: impl FnOnce(&mut MailSettings)) -> MailSettings {
        let mut settings = MailSettings {
            name: "office".to_owned(),
            host: "127.0.0.1".to_owned(),
            port: None,
            tls: MailTls::NoneOnLoopback,
            from: "お知らせ <notices@example.jp>".to_owned(),
            to: vec!["a@example.jp".to_owned()],
            user: None,
            password_file: None,
        };
        change(&mut settings);
        settings
    }

    fn letter(id: &str, subject: &str, body: &str) -> Letter {
        Letter {
            id: id.to_owned(),
            follows: vec!["N-2026-0001.1".to_owned()],
            subject: subject.to_owned(),
            body: body.to_owned(),
            list: "notices",
            archive: Some("https://kura.example/notices".to_owned()),
            at: Instant::from_micros(1_796_486_400_000_000),
        }
    }

    #[test]
    fn a_server_is_spoken_to_safely_or_not_at_all() {
        let new = |change: fn(&mut MailSettings), password: Option<&str>| {
            Mailbag::new(&settings(change), password.map(|text| text.to_owned().into())).map(drop)
        };
        assert_eq!(new(|_| {}, None), Ok(()));
        assert_eq!(new(|s| s.to.clear(), None), Err(BadMail::Nobody));
        assert_eq!(
            new(|s| s.host = "mail.example".to_owned(), None),
            Err(BadMail::Plain("mail.example".to_owned()))
        );
        assert_eq!(new(|s| s.user = Some("kura".to_owned()), Some("secret")), Err(BadMail::PlainPassword));
        assert_eq!(new(|s| s.user = Some("kura".to_owned()), None), Err(BadMail::Credentials));
        for bad in ["nobody", "a@b\r\nBcc: x@y", "a@example.jp, b@example.jp"] {
            let settings = settings(|settings| settings.to = vec![bad.to_owned()]);
            assert!(matches!(Mailbag::new(&settings, None), Err(BadMail::Address(_))), "{bad:?}");
        }
        let tls = |settings: &mut MailSettings| {
            settings.tls = MailTls::Wrapper;
            settings.user = Some("kura".to_owned());
        };
        assert_eq!(new(tls, Some("secret")), Ok(()));
    }

    #[test]
    fn several_people_do_not_learn_of_each_other() {
        let bag = settings(|settings| settings.to.push("b@example.jp".to_owned()));
        let message = Mailbag::new(&bag, None).unwrap().write(&letter("x.1", "s", "b")).unwrap();
        let text = String::from_utf8(message.formatted()).unwrap();
        assert!(!text.contains("a@example.jp") && !text.contains("b@example.jp"), "{text}");
        assert_eq!(message.envelope().to().len(), 2);
    }

    proptest! {
        /// Whatever stands in a title, an id or a body: the headers of the letter are ours and no others.
        #[test]
        fn nobody_writes_headers(
            subject in "(\\PC|\r|\n|\u{0}|\u{85}|\u{2028}|bcc: ){0,60}", id in "(\\PC|\r|\n){1,20}", body in "(\\PC|\r\n|\n\\.\n){0,80}",
        ) {
            let bag = Mailbag::new(&settings(|_| {}), None).unwrap();
            let message = bag.write(&letter(&id, &subject, &body)).unwrap();
            let text = String::from_utf8(message.formatted()).unwrap();
            let head = text.split("\r\n\r\n").next().unwrap();
            let mut names: Vec<String> = head
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .map(|line| line.split(':').next().unwrap().to_ascii_lowercase())
                .collect();
            names.sort();
            let expected = [
                "auto-submitted", "content-transfer-encoding", "content-type", "date", "from", "in-reply-to",
                "list-archive", "list-id", "message-id", "mime-version", "references", "subject", "to",
                "x-auto-response-suppress",
            ];
            prop_assert_eq!(names, expected);
            prop_assert!(head.is_ascii() && head.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
        }
    }
}
