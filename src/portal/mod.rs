//! Sending to portals: one POST with a deadline, no redirects. What is sent, and when again, is the workflows'.
//! `page` reads the public page as its users do.

/// Sending mail.
pub mod mail;

use std::time::Duration;

use reqwest::{Client, redirect};
use url::Url;

use crate::config::is_surely_here;

/// Reading the public page.
pub mod page;

/// Clocks outside the machine.
pub mod date;

/// The longest that a portal may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// The address of a portal is not one that Kura sends to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address for notices: https, or http on this machine, without user and password")]
pub struct BadAddress(pub String);

/// Why a portal has not taken a message.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// It cannot be reached, or took too long.
    #[error("the portal cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It answered that it did not take it.
    #[error("the portal answered {0}")]
    Refused(u16),
}

/// Where notices are sent.
#[derive(Clone, Debug)]
pub struct Portal {
    address: Url,
    client: Client,
}

impl Portal {
    /// A portal at an address.
    pub fn new(address: &str) -> Result<Self, BadAddress> {
        let refused = || BadAddress(address.to_owned());
        let url = Url::parse(address).map_err(|_| refused())?;
        let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_surely_here(&url));
        if !is_safe || !url.username().is_empty() || url.password().is_some() {
            return Err(refused());
        }
        let client = Client::builder().redirect(redirect::Policy::none()).timeout(ANSWER_MAX).build();
        Ok(Self { address: url, client: client.map_err(|_| refused())? })
    }

    /// Posts a JSON body with further headers; the status of a portal that took it.
    pub async fn post(&self, headers: &[(&'static str, String)], body: String) -> Result<u16, PortalError> {
        let mut request =
            self.client.post(self.address.clone()).header("content-type", "application/json").body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.map_err(PortalError::Unreachable)?;
        let status = answer.status();
        if status.is_success() { Ok(status.as_u16()) } else { Err(PortalError::Refused(status.as_u16())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_addresses_are_sent_to() {
        for good in ["https://portal.example/hook", "http://127.0.0.1:9/hook", "http://localhost:9/"] {
            assert!(Portal::new(good).is_ok(), "{good}");
        }
        for bad in
            ["http://portal.example/", "https://user:x@portal.example/", "file:///etc/passwd", "portal"]
        {
            assert!(Portal::new(bad).is_err(), "{bad}");
        }
    }
}
