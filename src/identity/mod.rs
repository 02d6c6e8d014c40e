//! An OpenID Connect provider that says who somebody is (optional): discovery, the code flow with PKCE and nonce.
//!
//! What it says is a subject. Which account that is, and what it may do, is decided by the workflows.

use std::time::Duration;

use openidconnect::core::{CoreAuthenticationFlow, CoreClient, CoreProviderMetadata};
use openidconnect::http::{Response, Uri};
use openidconnect::{
    AuthorizationCode, ClientId, ClientSecret, CsrfToken, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse as _,
};
use reqwest::redirect;
use secrecy::{ExposeSecret as _, SecretString};

/// The longest that the provider may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The longest answer that is read, bytes.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Why the provider did not say who somebody is. What it said itself goes to the log, not to the screen.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The settings are wrong.
    #[error("{0:?} is no address of a provider: https, or http on this machine")]
    Address(String),
    /// It cannot be reached, or does not describe itself.
    #[error("the identity provider cannot be used")]
    Discovery(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It did not take the code.
    #[error("the identity provider refused the code")]
    Exchange(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// What it said cannot be believed.
    #[error("the identity provider's answer cannot be believed")]
    Token(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A request that failed on its way.
#[derive(Debug, thiserror::Error)]
enum RequestError {
    /// The provider names an address that is not safe.
    #[error("{0} is neither https nor on this machine")]
    Unsafe(String),
    /// The answer is longer than any honest one.
    #[error("the answer is too long")]
    TooLong,
    /// Sending or receiving.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// The answer is no answer.
    #[error(transparent)]
    Answer(#[from] openidconnect::http::Error),
}

/// A provider, as the settings name it.
#[derive(Clone, Debug)]
pub struct Provider {
    issuer: IssuerUrl,
    client_id: ClientId,
    secret: SecretString,
    redirect: RedirectUrl,
    http: reqwest::Client,
}

/// What must be kept between sending somebody to the provider and his return. Secret, and good for one return.
#[derive(Debug)]
pub struct Pending {
    nonce: Nonce,
    verifier: PkceCodeVerifier,
}

/// Where to send somebody.
#[derive(Debug)]
pub struct Departure {
    /// The provider's page.
    pub address: String,
    /// The value with which he returns.
    pub state: String,
    /// What must be kept.
    pub pending: Pending,
}

/// Whether an address may be talked to: https, or http to this machine.
fn is_safe(scheme: Option<&str>, host: Option<&str>) -> bool {
    scheme == Some("https")
        || (scheme == Some("http") && matches!(host, Some("127.0.0.1" | "[::1]" | "localhost")))
}

impl Provider {
    /// The provider of an issuer; `redirect` is where people return to. Nothing is asked yet.
    pub fn new(
        issuer: &str,
        client_id: &str,
        secret: SecretString,
        redirect: &str,
    ) -> Result<Self, ProviderError> {
        let wrong = |text: &str| ProviderError::Address(text.to_owned());
        let issuer = IssuerUrl::new(issuer.to_owned()).map_err(|_| wrong(issuer))?;
        if !is_safe(Some(issuer.url().scheme()), issuer.url().host_str()) {
            return Err(wrong(issuer.as_str()));
        }
        let http = reqwest::Client::builder().redirect(redirect::Policy::none()).timeout(ANSWER_MAX).build();
        Ok(Self {
            http: http.map_err(|error| ProviderError::Discovery(error.into()))?,
            client_id: ClientId::new(client_id.to_owned()),
            redirect: RedirectUrl::new(redirect.to_owned()).map_err(|_| wrong(redirect))?,
            issuer,
            secret,
        })
    }

    /// The issuer, as its subjects are kept.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    async fn ask(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, RequestError> {
        let uri: &Uri = request.uri();
        if !is_safe(uri.scheme_str(), uri.host()) {
            return Err(RequestError::Unsafe(uri.to_string()));
        }
        let mut answer = http.execute(request.try_into()?).await?;
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await? {
            body.extend_from_slice(&part);
            if u64::try_from(body.len()).is_ok_and(|length| length > ANSWER_BYTES_MAX) {
                return Err(RequestError::TooLong);
            }
        }
        Ok(response.body(body)?)
    }

    /// What the provider says of itself now: its addresses and keys change without notice, and sign-ins are rare.
    async fn metadata(&self) -> Result<CoreProviderMetadata, ProviderError> {
        let client = |request: HttpRequest| Self::ask(self.http.clone(), request);
        let found = CoreProviderMetadata::discover_async(self.issuer.clone(), &client).await;
        found.map_err(|error| ProviderError::Discovery(error.into()))
    }

    /// Sends somebody off to the provider.
    pub async fn depart(&self) -> Result<Departure, ProviderError> {
        let secret = ClientSecret::new(self.secret.expose_secret().to_owned());
        let client =
            CoreClient::from_provider_metadata(self.metadata().await?, self.client_id.clone(), Some(secret))
                .set_redirect_uri(self.redirect.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        let (address, state, nonce) =
            request.add_scope(Scope::new("openid".to_owned())).set_pkce_challenge(challenge).url();
        Ok(Departure {
            address: address.into(),
            state: state.secret().clone(),
            pending: Pending { nonce, verifier },
        })
    }

    /// Hears from the provider who came back with a code: the subject, which never changes for one person.
    pub async fn arrive(&self, code: &str, pending: Pending) -> Result<String, ProviderError> {
        let secret = ClientSecret::new(self.secret.expose_secret().to_owned());
        let client =
            CoreClient::from_provider_metadata(self.metadata().await?, self.client_id.clone(), Some(secret))
                .set_redirect_uri(self.redirect.clone());
        let http = |request: HttpRequest| Self::ask(self.http.clone(), request);
        let exchange = client.exchange_code(AuthorizationCode::new(code.to_owned()));
        let exchange = exchange.map_err(|error| ProviderError::Exchange(error.into()))?;
        let answer = exchange.set_pkce_verifier(pending.verifier).request_async(&http).await;
        let answer = answer.map_err(|error| ProviderError::Exchange(error.into()))?;
        let token = answer.id_token().ok_or_else(|| ProviderError::Token("there is no id token".into()))?;
        let claims = token.claims(&client.id_token_verifier(), &pending.nonce);
        let claims = claims.map_err(|error| ProviderError::Token(error.into()))?;
        Ok(claims.subject().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_safe_issuers_are_believed() {
        let provider =
            |issuer| Provider::new(issuer, "kura", "x".to_owned().into(), "https://kura.example/back");
        assert!(provider("https://id.example/realms/net").is_ok() && provider("http://127.0.0.1:9").is_ok());
        assert!(provider("http://id.example").is_err() && provider("not an address").is_err());
    }
}
