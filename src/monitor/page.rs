//! Asking a page: one GET with a deadline and a cap, no redirects. Also the beat that tells somebody outside that Kura lives.

use std::time::Duration;

use reqwest::{Client, redirect};
use url::Url;

use crate::config::is_surely_here;
use crate::domain::monitor::Answer;

/// The most of a page that is looked through, bytes.
const BYTES_MAX: usize = 1 << 20;
/// The longest that whoever watches Kura may take.
const BEAT_MAX: Duration = Duration::from_secs(10);

fn client(timeout: Option<Duration>) -> reqwest::Result<Client> {
    let builder = Client::builder().redirect(redirect::Policy::none()).user_agent("kura");
    match timeout {
        Some(timeout) => builder.timeout(timeout).build(),
        None => builder.build(),
    }
}

/// Asks a page for a status and a text. The caller keeps the deadline.
pub(super) async fn ask(url: &str, status: u16, contains: Option<&str>) -> Answer {
    let Ok(client) = client(None) else { return Answer::NotAsked };
    let mut answer = match client.get(url).send().await {
        Ok(answer) => answer,
        Err(error) if error.is_builder() => return Answer::NotAsked,
        Err(error) if error.is_timeout() => return Answer::TimedOut,
        Err(_) => return Answer::Unreachable,
    };
    if answer.status().as_u16() != status {
        return Answer::WrongStatus;
    }
    let Some(wanted) = contains.map(str::as_bytes).filter(|wanted| !wanted.is_empty()) else {
        return Answer::Good;
    };
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(part)) => body.extend_from_slice(&part),
            Ok(None) => break,
            Err(_) => return Answer::Unreachable,
        }
        if body.len() > BYTES_MAX {
            break;
        }
    }
    let is_there = body.windows(wanted.len()).any(|part| part == wanted);
    if is_there { Answer::Good } else { Answer::WrongContent }
}

/// The address of whoever watches Kura is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address is not https, or http on this machine, without user and password")]
pub struct BadBeat;

/// Whoever watches Kura from outside: it gives the alarm when nothing comes any more.
#[derive(Clone, Debug)]
pub struct Beat {
    address: Url,
    client: Client,
}

impl Beat {
    /// At an address, which is a secret on most such sites.
    pub fn new(address: &str) -> Result<Self, BadBeat> {
        let url = Url::parse(address).map_err(|_| BadBeat)?;
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_surely_here(&url));
        if !is_safe || !url.username().is_empty() || url.password().is_some() {
            return Err(BadBeat);
        }
        Ok(Self { address: url, client: client(Some(BEAT_MAX)).map_err(|_| BadBeat)? })
    }

    /// Tells it once. `false` if it did not take it.
    pub async fn tell(&self) -> bool {
        let answer = self.client.get(self.address.clone()).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}
