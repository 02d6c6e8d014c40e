//! Notices pushed to a portal over a real socket: signed, tried again, counted once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use kura::clock::ManualClock;
use kura::config::PushSettings;
use kura::credentials::webhook::WebhookSecret;
use kura::domain::time::Instant;
use kura::domain::window::WindowKind;
use kura::workflows::deliver_notices::{Delivered, Target, deliver};
use kura::workflows::windows;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use crate::windows::{Office, at, terms};

pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a portal received: heads and bodies, in order.
pub(crate) type Received = Arc<Mutex<Vec<(String, String)>>>;

/// A portal that answers with these statuses, the last one for ever.
pub(crate) async fn portal(statuses: &'static [u16]) -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/hook", listener.local_addr().expect("an address"));
    let received = Received::default();
    let seen = received.clone();
    drop(TaskTracker::new().spawn(async move {
        let mut number = 0;
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            // A sender that is killed hangs up: with half a request, or before the answer.
            let Some((head, body)) = request(&mut stream).await else { continue };
            seen.lock().expect("no panic").push((head, body));
            let status = statuses[number.min(statuses.len() - 1)];
            number += 1;
            let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            drop(stream.write_all(answer.as_bytes()).await);
        }
    }));
    (address, received)
}

/// The head and the body of one request; `None` if the sender hung up before its end.
async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0_usize) {
            return Some((head, body.to_owned()));
        }
    }
}

pub(crate) struct Push {
    pub(crate) office: Office,
    clock: ManualClock,
    target: Target,
    received: Received,
    window: String,
}

impl Push {
    pub(crate) async fn new(statuses: &'static [u16]) -> Self {
        let (office, now) = (Office::light().await, at("2026-11-22", "12:00"));
        let window = office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), now).await;
        let (url, received) = portal(statuses).await;
        let folder = tempfile::tempdir().expect("a folder");
        let secret_file = folder.path().join("secret");
        std::fs::write(&secret_file, format!("{SECRET}\n")).expect("a secret");
        let settings = PushSettings { name: "portal".to_owned(), url, secret_file };
        let target = Target::open(&settings).expect("a target");
        Self { office, clock: ManualClock::new(now), target, received, window }
    }

    pub(crate) async fn after(&self, minutes: i64) -> Delivered {
        self.clock.set(at("2026-11-22", "12:00").plus_minutes(minutes));
        deliver(&self.office.desk, &self.target, &self.clock).await.expect("the catalog answers")
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.received.lock().expect("no panic").iter().map(|(head, _)| header(head, "webhook-id")).collect()
    }
}

fn header(head: &str, name: &str) -> String {
    let found = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_else(|| panic!("no {name} in {head}")).to_owned()
}

#[tokio::test]
async fn a_portal_that_fails_twice_gets_one_notice_with_one_id() {
    let push = Push::new(&[503, 500, 204]).await;
    assert_eq!(push.after(0).await, Delivered { arrived: 0, failed: 1 });
    assert_eq!(push.after(0).await, Delivered::default(), "not before its time");
    assert_eq!(push.after(1).await, Delivered { arrived: 0, failed: 1 });
    assert_eq!(push.after(3).await, Delivered { arrived: 1, failed: 0 });
    assert_eq!(push.after(600).await, Delivered::default(), "once delivered, never again");
    assert_eq!(push.ids(), ["n-2026-0001.1.portal"; 3]);
    let (head, body) = push.received.lock().unwrap()[2].clone();
    let seconds: i64 = header(&head, "webhook-timestamp").parse().unwrap();
    let signature = WebhookSecret::read(SECRET).unwrap().sign(
        "N-2026-0001.1.portal",
        Instant::from_micros(seconds * 1_000_000),
        &body,
    );
    assert_eq!(header(&head, "webhook-signature"), signature.to_ascii_lowercase());
    let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(sent["data"]["title"], "【予告】毎日のデータ・バックアップのお知らせ");
    let notice = &push.office.notices().await[0];
    let deliveries = push.office.desk.catalog.deliveries(notice).await.unwrap();
    assert_eq!((deliveries[0].attempts, deliveries[0].receipt.as_deref()), (3, Some("204")));
}

#[tokio::test]
async fn a_new_revision_is_a_message_of_its_own_and_takes_the_place_of_an_old_one() {
    let push = Push::new(&[503, 200]).await;
    push.after(0).await;
    let now = at("2026-11-22", "12:00").plus_minutes(1);
    windows::withdraw(&push.office.desk, &push.window, "中止します", &push.office.admin, now).await.unwrap();
    let done = push.after(2).await;
    assert_eq!(done, Delivered { arrived: 2, failed: 0 }, "the old one is superseded, the new one sent");
    assert_eq!(push.ids(), ["n-2026-0001.1.portal", "n-2026-0001.2.portal"]);
    let (_, body) = push.received.lock().unwrap()[1].clone();
    assert!(body.contains("cancelled"), "{body}");
}

#[tokio::test]
async fn two_senders_send_a_message_once() {
    let push = Push::new(&[200]).await;
    let desk = push.office.desk.clone();
    let (one, other) = tokio::join!(
        deliver(&desk, &push.target, &push.clock),
        deliver(&push.office.desk, &push.target, &push.clock)
    );
    assert_eq!(one.unwrap().arrived + other.unwrap().arrived, 1);
    assert_eq!(push.ids().len(), 1);
}

#[tokio::test]
async fn a_portal_that_never_answers_well_is_given_up_and_named() {
    let push = Push::new(&[410]).await;
    let mut attempts = 0;
    for hour in 0..24 * 6 {
        attempts += push.after(hour * 60).await.failed;
    }
    assert_eq!(attempts, 24);
    let log = push.office.desk.catalog.audit_newest(3).await.unwrap();
    assert!(log.iter().any(|line| line.entry.act == "notice.give-up" && line.entry.detail.contains("410")));
    let states: BTreeMap<String, String> = push
        .office
        .desk
        .catalog
        .deliveries(&push.office.notices().await[0])
        .await
        .unwrap()
        .into_iter()
        .map(|delivery| (delivery.target, delivery.state))
        .collect();
    assert_eq!(states["portal"], "given_up");
}
