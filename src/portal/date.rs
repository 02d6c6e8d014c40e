//! A clock outside the machine: the `Date` of a web server's answer.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, redirect};
use url::Url;

use crate::config::may_be_here;
use crate::domain::time::Instant;

/// The longest that an answer may take: it is held against the clock of the moment.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The address is that of no clock outside this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no clock: write the https address of a server that is not this machine")]
pub struct BadClock(pub String);

/// Something outside the machine that knows what time it is.
#[async_trait]
pub trait OutsideClock: Send + Sync {
    /// Its name, for evidence.
    fn name(&self) -> &str;
    /// What it shows; `None` if it does not answer.
    async fn now(&self) -> Option<Instant>;
}

/// A web server whose answers carry a date.
#[derive(Clone, Debug)]
pub struct PageClock {
    address: Url,
    client: Client,
}

impl PageClock {
    /// The clock of a web server. Plain http can be changed on the way, so that it proves nothing.
    pub fn at(text: &str) -> Result<Self, BadClock> {
        let refused = || BadClock(text.to_owned());
        let address = Url::parse(text).map_err(|_| refused())?;
        let is_plain = address.username().is_empty() && address.password().is_none();
        if address.scheme() != "https" || may_be_here(&address) || !is_plain {
            return Err(refused());
        }
        let client = Client::builder().redirect(redirect::Policy::none()).timeout(ANSWER_MAX).build();
        Ok(Self { address, client: client.map_err(|_| refused())? })
    }
}

#[async_trait]
impl OutsideClock for PageClock {
    fn name(&self) -> &str {
        self.address.as_str()
    }

    async fn now(&self) -> Option<Instant> {
        let answer = match self.client.head(self.address.clone()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(%error, "a clock outside this machine did not answer");
                return None;
            }
        };
        answer.headers().get("date").and_then(|date| read(date.to_str().ok()?))
    }
}

/// A date as HTTP writes it.
fn read(text: &str) -> Option<Instant> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Instant::from_micros(at.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_http_writes_it() {
        let at = read("Tue, 23 Nov 2027 03:04:05 GMT").expect("a date");
        assert_eq!(at.to_string(), "2027-11-23T03:04:05Z");
        assert_eq!(read("2027-11-23"), None);
    }

    #[test]
    fn only_a_server_elsewhere_that_nobody_can_speak_for_is_a_clock() {
        assert!(PageClock::at("https://portal.example.jp/").is_ok());
        for bad in [
            "http://portal.example.jp/",
            "https://localhost/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "portal",
        ] {
            assert_eq!(PageClock::at(bad).map(drop), Err(BadClock(bad.to_owned())), "{bad}");
        }
    }
}
