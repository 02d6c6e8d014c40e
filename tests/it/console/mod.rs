//! The console over a real socket: the real service on a clock that is moved by hand, and browsers of three sizes.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use kura::app::App;
use kura::clock::ManualClock;
use kura::domain::account::AccountId;
use kura::domain::actor::Actor;
use kura::domain::role::Role;
use kura::domain::time::Instant;
use kura::service::Service;
use kura::workflows::accounts::{self, By, NewAccount, Own};
use kura::workflows::desk::Desk;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::kura::Kura;
use crate::windows::at;

/// Who may, forged forms, sessions, floods, headers.
mod access;

/// What the pages show.
mod pages;

/// Break-glass from end to end.
mod glass;
mod incidents;

/// Deletion by two people, holds, certificates.
mod deletion;

/// Permits by their roles.
mod permits;

/// Fifty people, ten years.
mod load;

/// Records of work.
mod works;

/// A permit for the story.
mod permit_story;

/// A real browser.
mod story;

/// The password of everybody in these tests.
pub(crate) const PASSWORD: &str = "correct-Horse7battery";

/// A service with one plan, `records`.
pub(crate) struct Site {
    pub(crate) kura: Kura,
    pub(crate) service: Service,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) address: SocketAddr,
}

impl Site {
    /// A new installation at noon of a day; `base` as readers see it.
    pub(crate) async fn new(base: Option<&str>) -> Self {
        Self::with(base, "").await
    }

    /// The same with further settings.
    pub(crate) async fn with(base: Option<&str>, settings: &str) -> Self {
        Self::on("2026-11-22", base, settings).await
    }

    /// The same on another day.
    pub(crate) async fn on(day: &str, base: Option<&str>, settings: &str) -> Self {
        let kura = Kura::new(day).await;
        let source = kura.source().display().to_string();
        let plan = format!(
            "name = \"records\"\nclass = \"application\"\n[[source]]\nkind = \"directory\"\npath = {source:?}\nsent_day = \"mtime\"\n"
        );
        let home = kura.dir.path().join("home");
        std::fs::create_dir_all(home.join("policies")).expect("a folder");
        std::fs::write(home.join("policies/records.toml"), plan).expect("a plan");
        let file = home.join("kura.toml");
        let mut text = std::fs::read_to_string(&file).expect("settings") + settings;
        if !text.contains("[[dataset]]") {
            // Nobody reads it; permits may name it.
            text.push_str(
                "\n[[dataset]]\nname = \"admissions\"\nkind = \"csv\"\npath = \"/nowhere/admissions.csv\"\n",
            );
        }
        std::fs::write(&file, text).expect("settings");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let clock = Arc::new(ManualClock::new(at(day, "12:00")));
        let base = base.map_or_else(|| format!("http://{address}"), str::to_owned);
        let app = App::new(Some(home));
        let service = Service::start(&app, clock.clone(), listener, &base).await.expect("a service");
        Self { kura, service, clock, address }
    }

    /// The desk that the service works on.
    pub(crate) fn desk(&self) -> Desk {
        self.service.shared.desks.desk().expect("a desk")
    }

    /// The time.
    pub(crate) fn now(&self) -> Instant {
        self.service.shared.clock.now()
    }

    /// Accounts of these roles whose passwords are their own; the first must be able to make the others.
    pub(crate) async fn people(&self, roles: &[Role]) -> Vec<Actor> {
        let (desk, now) = (self.desk(), self.now());
        let mut actors: Vec<Actor> = Vec::new();
        for (number, role) in roles.iter().enumerate() {
            let account: AccountId = format!("person{number:04}").parse().expect("an id");
            let by = actors.first().cloned().map_or_else(|| By::Host("root".to_owned()), By::Account);
            let first = if number == 0 { PASSWORD } else { "first-Word7forYou!" };
            let new = NewAccount { account: account.clone(), role: *role, password: first.to_owned().into() };
            accounts::add(&desk.catalog, &new, &by, now).await.expect("an account");
            if number > 0 {
                let (first, own) = (first.to_owned().into(), PASSWORD.to_owned().into());
                let proof = Own { account: &account, password: &first, code: None };
                let home = &self.service.shared.home;
                accounts::change_password(home, &desk.catalog, &proof, &own, now).await.expect("changed");
            }
            actors.push(Actor { account, role: *role, scopes: None });
        }
        actors
    }

    /// Somebody who has signed in.
    pub(crate) async fn visitor(&self, account: &str) -> Visitor {
        let mut visitor = self.nobody();
        let answer = visitor.post("/console/login", &[("account", account), ("password", PASSWORD)]).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        visitor
    }

    /// Somebody with an empty browser.
    pub(crate) fn nobody(&self) -> Visitor {
        Visitor {
            address: self.address,
            cookies: BTreeMap::new(),
            token: String::new(),
            extra: String::new(),
        }
    }
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// The little of a browser that these tests need: cookies, and the token of the form that was seen last.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) address: SocketAddr,
    pub(crate) cookies: BTreeMap<String, String>,
    pub(crate) token: String,
    /// Further header lines, each with its line break.
    pub(crate) extra: String,
}

impl Visitor {
    /// Reads a page.
    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }

    /// Sends a form with the token of this session.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        if !self.token.is_empty() {
            form.append_pair("token", &self.token);
        }
        form.extend_pairs(fields);
        let body = form.finish();
        self.ask("POST", path, &body).await
    }

    /// Sends anything as a form.
    pub(crate) async fn ask(&mut self, method: &str, path: &str, body: &str) -> Answer {
        self.send((method, path), "application/x-www-form-urlencoded", body.as_bytes()).await
    }

    /// Sends a form with a file and the token of this session.
    pub(crate) async fn upload(&mut self, path: &str, fields: &[(&str, &str)], file: &[u8]) -> Answer {
        let mut body = Vec::new();
        let token = self.token.clone();
        for (name, value) in [("token", token.as_str())].iter().chain(fields) {
            let part = format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        body.extend_from_slice(
            b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c:/secret.pdf\"\r\n\r\n",
        );
        body.extend_from_slice(file);
        body.extend_from_slice(b"\r\n--b--\r\n");
        self.send(("POST", path), "multipart/form-data; boundary=b", &body).await
    }

    /// Sends anything.
    async fn send(&mut self, (method, path): (&str, &str), kind: &str, body: &[u8]) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nContent-Type: {kind}\r\n\
             Content-Length: {}\r\n{}Connection: close\r\n\r\n",
            self.address,
            cookies.join("; "),
            body.len(),
            self.extra
        );
        let mut stream = TcpStream::connect(self.address).await.expect("a connection");
        stream.write_all(head.as_bytes()).await.expect("sent");
        // A body that is too large is refused before it is read.
        drop(stream.write_all(body).await);
        let mut bytes = Vec::new();
        drop(stream.read_to_end(&mut bytes).await);
        // A file may be anything.
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).expect("a status");
        for line in head.lines().filter_map(|line| line.strip_prefix("set-cookie: ")) {
            let (name, value) =
                line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a cookie");
            self.cookies.insert(name.to_owned(), value.to_owned());
            if name.ends_with("kura-session") {
                // As a page of this session would show it.
                self.token = kura::workflows::sessions::form_token(value);
            }
        }
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }
}
