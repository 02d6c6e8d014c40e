//! Reading the public page as its users do: one GET with a deadline, a cap, and no way to another host.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::{Client, redirect};
use url::Url;

/// The longest that the page may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The largest page, bytes.
const BYTES_MAX: usize = 8 << 20;
/// The most redirects, all on the same host.
const REDIRECTS_MAX: usize = 3;

/// The address of the public page is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address of a public page: http or https, without user and password")]
pub struct BadPage(pub String);

/// Why the page could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// It cannot be reached, or took too long.
    #[error("it cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// It is larger than any page of notices.
    #[error("it is larger than {} MiB", BYTES_MAX >> 20)]
    TooLarge,
}

/// What was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fetched {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// A page that can be read.
#[async_trait]
pub trait Page: Send + Sync {
    /// Its address.
    fn address(&self) -> &str;
    /// Reads it.
    async fn fetch(&self) -> Result<Fetched, PageError>;
}

/// The page of public notices.
#[derive(Clone, Debug)]
pub struct PublicPage {
    address: Url,
    client: Client,
}

impl PublicPage {
    /// The page of notices of a site with this address.
    pub fn of_site(base: &str) -> Result<Self, BadPage> {
        let refused = || BadPage(base.to_owned());
        let mut address = Url::parse(base).map_err(|_| refused())?;
        address.set_path(&format!("{}/notices", address.path().trim_end_matches('/')));
        let is_web = matches!(address.scheme(), "http" | "https") && address.has_host();
        if !is_web || !address.username().is_empty() || address.password().is_some() {
            return Err(refused());
        }
        let (host, is_sealed) = (address.host_str().map(str::to_owned), address.scheme() == "https");
        let policy = redirect::Policy::custom(move |attempt| {
            let stays = attempt.url().host_str().map(str::to_owned) == host
                && (!is_sealed || attempt.url().scheme() == "https");
            // The redirect itself is the answer then, and proves nothing.
            if stays && attempt.previous().len() <= REDIRECTS_MAX { attempt.follow() } else { attempt.stop() }
        });
        let client = Client::builder().redirect(policy).timeout(ANSWER_MAX).build();
        Ok(Self { address, client: client.map_err(|_| refused())? })
    }
}

#[async_trait]
impl Page for PublicPage {
    fn address(&self) -> &str {
        self.address.as_str()
    }

    async fn fetch(&self) -> Result<Fetched, PageError> {
        let asked = self.client.get(self.address.clone()).header("accept-language", "ja").send().await;
        let mut answer = asked.map_err(PageError::Unreachable)?;
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(PageError::Unreachable)? {
            if body.len() + part.len() > BYTES_MAX {
                return Err(PageError::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok(Fetched { status: answer.status().as_u16(), body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_web_are_read() {
        for good in ["https://kura.example", "http://127.0.0.1:8080/", "https://example.jp/kura/"] {
            let page = PublicPage::of_site(good).unwrap();
            assert!(page.address().ends_with("/notices"), "{good}");
        }
        let below = PublicPage::of_site("https://example.jp/kura/").unwrap();
        assert_eq!(below.address(), "https://example.jp/kura/notices");
        for bad in ["file:///etc", "https://user:x@kura.example", "kura.example", "http://"] {
            assert!(PublicPage::of_site(bad).is_err(), "{bad}");
        }
    }
}
