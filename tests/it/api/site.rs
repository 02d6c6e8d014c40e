//! A service with accounts of every role, a token for each, and something to look at.

use std::collections::BTreeMap;
use std::sync::Arc;

use kura::clock::{Clock, ManualClock};
use kura::config::Home;
use kura::domain::account::AccountId;
use kura::domain::actor::Actor;
use kura::domain::audit::AuditEntry;
use kura::domain::role::{Act, Role};
use kura::domain::time::Instant;
use kura::domain::window::WindowKind;
use kura::web::{self, Patience, Shared};
use kura::workflows::accounts::{self, By, NewAccount};
use kura::workflows::desk::Desk;
use kura::workflows::expire::{Bench, Benches};
use kura::workflows::host::Host;
use kura::workflows::pulse::Pulse;
use kura::workflows::tokens::{self, NewToken};
use kura::workflows::under_way::UnderWay;
use kura::workflows::windows;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::kura::Kura;
use crate::windows::{Fixed, Office, at, terms};

pub(super) const PASSWORD: &str = "correct-Horse7battery";

/// As if everybody had changed the password that somebody else chose.
async fn passwords_are_their_own(office: &Office, now: Instant) {
    let mut tx = office.desk.catalog.begin().await.expect("a transaction");
    for row in tx.accounts().await.expect("accounts") {
        let same = row.password.clone();
        tx.set_password(&row, &same, false, now).await.expect("set");
    }
    let [actor, act, subject, detail] = ["root", "account.password", "all", ""].map(str::to_owned);
    tx.commit(&[AuditEntry { at: now, actor, act, subject, detail }]).await.expect("committed");
}

/// A host with a store of its own for the desk's plan.
struct Hosted {
    kura: Kura,
    desk: Desk,
}

#[async_trait::async_trait]
impl Benches for Hosted {
    async fn bench(&self) -> Result<Bench, String> {
        let host = Host::open(self.kura.home(), None).await.map_err(|error| error.to_string())?;
        let source = self.kura.source().display().to_string();
        let text = format!(
            "name = \"records\"\nclass = \"application\"\n[[source]]\nkind = \"directory\"\npath = {source:?}\nsent_day = \"mtime\"\n"
        );
        let plan =
            kura::policy_files::parse_plan("records.toml", &text).map_err(|error| error.to_string())?;
        let bench = Bench::open(host, vec![plan], self.desk.contents.clone()).await;
        bench.map_err(|(_, error)| error.to_string())
    }
}

/// A service. It ends with the test.
pub(super) struct Site {
    pub(super) address: std::net::SocketAddr,
    pub(super) office: Office,
    pub(super) clock: Arc<ManualClock>,
    /// A token with everything that the role may do, by the role.
    pub(super) tokens: BTreeMap<Role, String>,
    pub(super) actors: BTreeMap<Role, Actor>,
    pub(super) now: Instant,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// In lower case, but for the values.
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(super) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        self.json()["code"].as_str().expect("a code").to_owned()
    }
}

impl Site {
    pub(super) async fn new() -> Self {
        let now = at("2026-11-22", "12:00");
        let clock = Arc::new(ManualClock::new(now));
        Self::on(clock.clone(), clock, now).await
    }

    /// A service that waits for nobody for long.
    pub(super) async fn hurried() -> Self {
        let now = at("2026-11-22", "12:00");
        let clock = Arc::new(ManualClock::new(now));
        let time = std::time::Duration::from_millis(300);
        Self::with(Patience { request: time, idle: time * 20 }, clock.clone(), clock, now).await
    }

    /// A service that tells the time by one clock, and another one that tests move.
    pub(super) async fn on(serving: Arc<dyn Clock>, clock: Arc<ManualClock>, now: Instant) -> Self {
        Self::with(Patience::default(), serving, clock, now).await
    }

    async fn with(
        patience: Patience,
        serving: Arc<dyn Clock>,
        clock: Arc<ManualClock>,
        now: Instant,
    ) -> Self {
        let office = Office::new().await;
        let mut actors: BTreeMap<Role, Actor> =
            [&office.admin, &office.doctor, &office.manager, &office.operator]
                .into_iter()
                .map(|actor| (actor.role, actor.clone()))
                .collect();
        // The last one is there to be changed; it has no token.
        for (id, role) in [
            ("auditor001", Role::Auditor),
            ("portal0001", Role::Portal),
            ("spare00001", Role::SystemOperator),
        ] {
            let account: AccountId = id.parse().expect("an id");
            let new = NewAccount { account: account.clone(), role, password: PASSWORD.to_owned().into() };
            let by = By::Account(office.doctor.clone());
            accounts::add(&office.desk.catalog, &new, &by, now).await.expect("an account");
            actors.entry(role).or_insert(Actor { account, role, scopes: None });
        }
        passwords_are_their_own(&office, now).await;
        office.approved(&terms(WindowKind::Daily, "daily 02:00", &[]), now).await;
        windows::request(&office.desk, &terms(WindowKind::Daily, "daily 04:00", &[]), &office.admin, now)
            .await
            .expect("a request");
        let mut tokens = BTreeMap::new();
        for (role, actor) in &actors {
            tokens.insert(*role, token(&office, actor, &[], 90, now).await);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Shared {
            home: Home::at(std::path::PathBuf::from("no-home")),
            desks: Arc::new(Fixed(office.desk.clone())),
            benches: Arc::new(Hosted { kura: Kura::new("2026-11-22").await, desk: office.desk.clone() }),
            under_way: UnderWay::default(),
            clock: serving,
            base: "https://kura.example".into(),
            pulse: Arc::new(Pulse::new(now.plus_minutes(60 * 24 * 365))),
            console: web::Console::new(clock.clone()),
        };
        drop(TaskTracker::new().spawn(web::serve_with(patience, listener, shared, CancellationToken::new())));
        Self { address, office, clock, tokens, actors, now }
    }

    /// Sends bytes and reads until the end.
    pub(super) async fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        // A server that has answered may close before everything is sent.
        let sent = stream.write_all(request).await;
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8(answer).expect("text");
        let Some((head, body)) = answer.split_once("\r\n\r\n") else {
            panic!("no answer: sent {sent:?}, read {read:?}, {answer:?}")
        };
        let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).expect("a status");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Asks with a token, more headers (`name: value` lines) and a JSON body.
    pub(super) async fn ask(
        &self,
        (method, path): (&str, &str),
        token: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        if !token.is_empty() {
            request.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = body {
            request
                .push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
        }
        request.push_str("\r\n");
        request.push_str(body.unwrap_or_default());
        self.raw(request.as_bytes()).await
    }

    /// A minute later: nobody is held back for asking often.
    pub(super) fn tick(&self) {
        self.clock.set(self.clock.now().plus_minutes(1));
    }

    pub(super) fn token(&self, role: Role) -> &str {
        &self.tokens[&role]
    }

    pub(super) async fn get(&self, role: Role, path: &str) -> Answer {
        self.ask(("GET", path), self.token(role), &[], None).await
    }

    pub(super) async fn post(&self, role: Role, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.ask(("POST", path), self.token(role), headers, Some(body)).await
    }

    /// The version of a window.
    pub(super) async fn version(&self, window: &str) -> String {
        let answer = self.get(Role::Auditor, &format!("/api/v1/windows/{window}")).await;
        let tag = answer.header("etag").expect("a version").to_owned();
        assert_eq!(answer.json()["version"], tag.as_str());
        tag
    }

    /// A token of a role with these scopes (none: all).
    pub(super) async fn make(&self, role: Role, scopes: &[Act], days: u32) -> String {
        token(&self.office, &self.actors[&role], scopes, days, self.now).await
    }
}

async fn token(office: &Office, actor: &Actor, scopes: &[Act], days: u32, now: Instant) -> String {
    let scopes = scopes.iter().copied().collect();
    let new = NewToken { account: None, scopes, days, label: "a test".to_owned() };
    let made = tokens::make(&office.desk.catalog, new, actor, now).await.expect("a token");
    made.text.to_string()
}
