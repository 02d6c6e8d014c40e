//! Notices by mail over a real socket: tried again under one id, threaded, encoded, never a header more than ours.

use std::process::Command;

use kura::clock::ManualClock;
use kura::config::{MailSettings, MailTls, Settings};
use kura::domain::window::WindowKind;
use kura::workflows::deliver_notices::{Delivered, Target, TargetError, deliver, targets};
use kura::workflows::{notices, windows};

use crate::support::smtp::{MailServer, Received};
use crate::windows::{Office, at, terms};

fn settings(port: u16) -> MailSettings {
    MailSettings {
        name: "office".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        tls: MailTls::NoneOnLoopback,
        from: "はち丸ネットワーク <notices@hachimaru.example>".to_owned(),
        to: vec!["clinic@a.example".to_owned(), "hospital@b.example".to_owned()],
        user: None,
        password_file: None,
    }
}

struct Mail {
    office: Office,
    clock: ManualClock,
    target: Target,
    server: MailServer,
    window: String,
}

impl Mail {
    async fn new(codes: &'static [u16]) -> Self {
        let (office, now) = (Office::new().await, at("2026-11-22", "12:00"));
        let monthly = terms(WindowKind::Monthly, "monthly first sunday 01:00", &["ポータル"]);
        let window = office.approved(&monthly, now).await;
        let server = MailServer::new(codes).await;
        let target = Target::mail(&settings(server.port), "https://kura.example/").expect("a target");
        Self { office, clock: ManualClock::new(now), target, server, window }
    }

    async fn after(&self, minutes: i64) -> Delivered {
        self.clock.set(at("2026-11-22", "12:00").plus_minutes(minutes));
        deliver(&self.office.desk, &self.target, &self.clock).await.expect("the catalog answers")
    }
}

/// Subject and text of a letter, as Python's standard library reads them.
fn read(letter: &Received) -> (String, String) {
    let script = "import sys, email, email.policy\n\
                  m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)\n\
                  assert not m.defects, m.defects\n\
                  sys.stdout.buffer.write((m['subject'] + '\\0' + m.get_content()).encode())";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("letter");
    std::fs::write(&file, &letter.text).expect("written");
    let input = std::fs::File::open(&file).expect("opened");
    let output = Command::new("python3").args(["-c", script]).stdin(input).output().expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let (subject, body) = text.split_once('\0').expect("two parts");
    (subject.to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_server_that_fails_twice_gets_one_letter() {
    let mail = Mail::new(&[451, 554, 250]).await;
    assert_eq!(mail.after(0).await, Delivered { arrived: 0, failed: 1 });
    assert_eq!(mail.after(0).await, Delivered::default(), "not before its time");
    assert_eq!(mail.after(1).await, Delivered { arrived: 0, failed: 1 });
    assert_eq!(mail.after(3).await, Delivered { arrived: 1, failed: 0 });
    assert_eq!(mail.after(600).await, Delivered::default(), "once taken, never again");
    let [letter] = mail.server.letters().try_into().expect("one letter");
    assert_eq!(letter.from, "notices@hachimaru.example");
    assert_eq!(letter.to, ["clinic@a.example", "hospital@b.example"]);
    let header = |name: &str| letter.header(name).unwrap_or_default();
    assert_eq!(header("Message-ID"), "<N-2026-0001.1@hachimaru.example>");
    assert_eq!(header("List-Id"), "<notices.hachimaru.example>");
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert_eq!(letter.header("In-Reply-To"), None);
    assert!(!letter.text.contains("clinic@") && !letter.text.contains("hospital@"), "{}", letter.text);
    assert!(letter.text.is_ascii(), "any server takes it");
    let (subject, body) = read(&letter);
    assert_eq!(subject, "【予告】毎月のデータ・バックアップに伴うサービス停止のお知らせ");
    assert!(body.contains("令和9年1月3日（日）1:00～5:00（予定）"), "{body}");
    assert!(body.contains("Sunday 3 January 2027 01:00–05:00 (planned)"), "{body}");
    assert!(body.contains("https://kura.example/notices#N-2026-0001"), "{body}");
    let notice = &mail.office.notices().await[0];
    let deliveries = mail.office.desk.catalog.deliveries(notice).await.expect("deliveries");
    assert_eq!((deliveries[0].attempts, deliveries[0].receipt.as_deref()), (3, Some("250")));
}

#[tokio::test]
async fn a_revision_is_a_letter_that_follows_the_first_and_people_are_not_told_of_closing() {
    let mail = Mail::new(&[250]).await;
    mail.after(0).await;
    let now = at("2026-11-22", "13:00");
    let text = "時刻が変わります。Bcc: everybody@example.jp";
    notices::correct(&mail.office.desk, "N-2026-0001", text, &mail.office.operator, now)
        .await
        .expect("corrected");
    mail.after(60).await;
    windows::withdraw(&mail.office.desk, &mail.window, "見合わせます。", &mail.office.admin, now)
        .await
        .expect("withdrawn");
    mail.after(61).await;
    notices::close(&mail.office.desk, "N-2026-0001", &mail.office.operator, now).await.expect("closed");
    assert_eq!(mail.after(62).await, Delivered::default());
    let letters = mail.server.letters();
    let ids: Vec<String> = letters.iter().filter_map(|letter| letter.header("Message-ID")).collect();
    assert_eq!(ids, [1, 2, 3].map(|number| format!("<N-2026-0001.{number}@hachimaru.example>")));
    assert_eq!(letters[2].header("In-Reply-To").as_deref(), Some(ids[1].as_str()));
    assert_eq!(letters[2].header("References"), Some(ids[..2].join(" ")));
    assert!(read(&letters[1]).0.starts_with("【訂正】") && read(&letters[2]).0.starts_with("【中止】"));
    assert!(letters.iter().all(|letter| letter.header("Bcc").is_none() && letter.to.len() == 2));
}

#[tokio::test]
async fn a_server_without_tls_gets_nothing_where_tls_was_asked_for() {
    for tls in [MailTls::Starttls, MailTls::Wrapper] {
        let mut mail = Mail::new(&[250]).await;
        let settings = MailSettings { tls, ..settings(mail.server.port) };
        mail.target = Target::mail(&settings, "https://kura.example").expect("a target");
        assert_eq!(mail.after(0).await, Delivered { arrived: 0, failed: 1 }, "{tls:?}");
        assert!(mail.server.letters().is_empty());
    }
}

#[tokio::test]
async fn a_new_target_is_told_what_is_current_and_not_the_past() {
    let mail = Mail::new(&[250]).await;
    let now = at("2026-11-22", "12:00");
    windows::withdraw(&mail.office.desk, &mail.window, "見合わせます。", &mail.office.admin, now)
        .await
        .expect("withdrawn");
    assert_eq!(mail.after(31 * 24 * 60).await, Delivered::default());
    assert_eq!(mail.after(29 * 24 * 60).await, Delivered { arrived: 1, failed: 0 });
}

#[test]
fn two_targets_of_one_name_are_refused() {
    let toml = "store = \"file:///x\"\n[[mail]]\nname = \"a\"\nhost = \"127.0.0.1\"\ntls = \"none-on-loopback\"\n\
                from = \"k@example.jp\"\nto = [\"a@example.jp\"]\n";
    let one: Settings = toml::from_str(toml).expect("settings");
    assert_eq!(targets(&one, "http://x").map(|all| all.len()).ok(), Some(1));
    let twice = Settings { mail: [one.mail.clone(), one.mail.clone()].concat(), ..one };
    assert!(matches!(targets(&twice, "http://x"), Err(TargetError::Twice(name)) if name == "a"));
}
