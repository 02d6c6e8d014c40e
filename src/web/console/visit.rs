//! The gatekeeper of the console: who visits, in which language, and whether he may; and the page for whom it refuses.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Form;
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::form::Fields;
use super::refused::Refused;
use super::words::{Lang, Words};
use super::{Need, layout, login};
use crate::domain::account::AccountId;
use crate::domain::actor::Actor;
use crate::domain::role::Act;
use crate::domain::time::Instant;
use crate::web::{Shared, session};
use crate::workflows::desk::Desk;
use crate::workflows::sessions::{self, Found, Session};

/// The only pages for somebody who must change his password first.
const FIRST_PASSWORD: &str = "/console/own/password";
/// Leaving is always possible.
const SIGN_OUT: &str = "/console/sign-out";

/// A request, as the pages need it.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    /// The desk as it is now.
    pub(super) desk: Desk,
    /// The time of the request.
    pub(super) now: Instant,
    /// The language.
    pub(super) lang: Lang,
    /// Who it is.
    pub(super) session: Option<Session>,
    /// Whether the password was right and the code is still asked for.
    pub(super) is_code_needed: bool,
    /// The secret of the cookie, whatever it means.
    pub(super) secret: Option<String>,
    /// Whether readers come by https.
    pub(super) is_secure: bool,
    /// From where.
    pub(super) peer: IpAddr,
    /// The path and query.
    pub(super) uri: Uri,
    /// What the identity provider is called, if there is one.
    pub(super) provider: Option<String>,
}

/// What handlers take.
pub(super) type At = axum::Extension<Arc<Visit>>;

impl Visit {
    /// One of two texts, in the language of the visit.
    pub(super) const fn t<'a>(&self, ja: &'a str, en: &'a str) -> &'a str {
        self.lang.t(ja, en)
    }

    /// A text of both languages, in the language of the visit.
    pub(super) fn words<'a>(&self, words: &'a Words) -> &'a str {
        words.of(self.lang)
    }

    /// Who it is; a page for signing in if nobody.
    pub(super) fn actor(&self) -> Result<&Actor, Refused> {
        self.session.as_ref().map(|session| &session.actor).ok_or_else(Refused::sign_in)
    }

    /// The account of who it is.
    pub(super) fn account(&self) -> Result<&AccountId, Refused> {
        self.actor().map(|actor| &actor.account)
    }

    /// Whether who it is may do an act: what he may not is not offered.
    pub(super) fn may(&self, act: Act) -> bool {
        self.session.as_ref().is_some_and(|session| session.actor.check(act).is_ok())
    }

    /// What forms of this visit must hold.
    pub(super) fn form_token(&self) -> Option<String> {
        let proved_something = self.session.is_some() || self.is_code_needed;
        self.secret.as_deref().filter(|_| proved_something).map(sessions::form_token)
    }
}

/// A form that came from a page of this very session.
#[derive(Debug)]
pub(super) struct Sent(pub(super) Fields);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let visit = request.extensions().get::<Arc<Visit>>().cloned();
        let form = Form::<Vec<(String, String)>>::from_request(request, state).await;
        let Form(pairs) = form.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Refused::too_large(),
            _ => Refused::unreadable_form(),
        })?;
        let fields = Fields::new(pairs);
        is_of_session(visit.as_deref(), &fields)?;
        Ok(Self(fields))
    }
}

/// Whether a form holds the token of its session, where there is one.
pub(super) fn is_of_session(visit: Option<&Visit>, fields: &Fields) -> Result<(), Refused> {
    match visit.and_then(Visit::form_token) {
        Some(token) if !is_same(&token, fields.raw("token")) => Err(Refused::forged()),
        Some(_) | None => Ok(()),
    }
}

/// Compares without telling by the time where two texts differ.
fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b)) == 0
}

/// Whether a form was sent by a page of this service: what browsers say about it, if they say anything.
fn is_own_origin(headers: &HeaderMap, base: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text("origin") else { return true };
    let host = text("host").unwrap_or_default();
    let own = base.split('/').take(3).collect::<Vec<_>>().join("/");
    origin == own || origin.split_once("://").is_some_and(|(_, found)| !host.is_empty() && found == host)
}

/// From where a request comes. A proxy on this machine says it in `X-Forwarded-For`; nobody else is believed.
fn peer(request: &Request) -> IpAddr {
    let socket = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let socket = socket.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    let forwarded = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let last = forwarded.and_then(|list| list.rsplit(',').next()).and_then(|text| text.trim().parse().ok());
    if socket.is_loopback() { last.unwrap_or(socket) } else { socket }
}

/// The language that `?lang=` asks for.
fn asked_language(uri: &Uri) -> Option<Lang> {
    let pairs = uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(name, _)| *name == "lang").filter_map(|(_, word)| Lang::of_word(word)).next_back()
}

/// What a request says before anything is looked up.
struct Seen {
    secret: Option<String>,
    lang: Lang,
    peer: IpAddr,
    uri: Uri,
    is_secure: bool,
}

fn see(shared: &Shared, request: &Request) -> Seen {
    let is_secure = shared.base.starts_with("https://");
    Seen {
        secret: session::secret(request.headers(), is_secure).map(str::to_owned),
        lang: language(request),
        peer: peer(request),
        uri: request.uri().clone(),
        is_secure,
    }
}

async fn visit(shared: &Shared, seen: Seen) -> Result<Visit, Refused> {
    let (desk, now) = (shared.desks.desk().map_err(Refused::unreadable)?, shared.clock.now());
    let Seen { secret, lang, peer, uri, is_secure } = seen;
    let found = match &secret {
        Some(secret) => sessions::find(&desk.catalog, secret, now).await?,
        None => Found::None,
    };
    let is_code_needed = matches!(found, Found::CodeNeeded);
    let session = if let Found::Session(session) = found { Some(*session) } else { None };
    let provider = shared.console.entrance.as_ref().map(|entrance| entrance.name.clone());
    Ok(Visit { desk, now, lang, session, is_code_needed, secret, is_secure, peer, uri, provider })
}

fn language(request: &Request) -> Lang {
    let kept = || session::language(request.headers()).and_then(Lang::of_word);
    asked_language(request.uri()).or_else(kept).unwrap_or(Lang::Ja)
}

fn check(visit: &Visit, need: Need) -> Result<Option<Response>, Refused> {
    let Need::Right(act) = need else {
        return match need {
            Need::SignedIn if visit.session.is_none() => Err(Refused::sign_in()),
            Need::SignedIn => Ok(first_password(visit)),
            Need::Nobody | Need::Right(_) => Ok(None),
        };
    };
    let actor = visit.actor()?;
    // First the password: who may see nothing else may still choose his own.
    if let Some(elsewhere) = first_password(visit) {
        return Ok(Some(elsewhere));
    }
    actor.check(act)?;
    Ok(None)
}

/// Where somebody is sent whose password was chosen by somebody else.
fn first_password(visit: &Visit) -> Option<Response> {
    let must = visit.session.as_ref().is_some_and(|session| session.must_change);
    let is_there = matches!(visit.uri.path(), FIRST_PASSWORD | SIGN_OUT);
    (must && !is_there).then(|| Redirect::to(FIRST_PASSWORD).into_response())
}

/// Lets a request through to its page, or refuses it with a page of its own.
pub(super) async fn keep(
    State((shared, need)): State<(Shared, Need)>,
    mut request: Request,
    next: Next,
) -> Response {
    let asked = asked_language(request.uri());
    let seen = see(&shared, &request);
    let lang = seen.lang;
    let visit = match visit(&shared, seen).await {
        Ok(visit) => Arc::new(visit),
        Err(refused) => return finish(layout::bare(&refused, lang), None, false),
    };
    let is_own = request.method() != Method::POST || is_own_origin(request.headers(), &shared.base);
    let allowed = if is_own { check(&visit, need) } else { Err(Refused::forged()) };
    let response = match allowed {
        Ok(None) => {
            request.extensions_mut().insert(visit.clone());
            next.run(request).await
        }
        Ok(Some(elsewhere)) => elsewhere,
        Err(refused) => refused.into_response(),
    };
    finish(shown(&visit, response), asked, visit.is_secure)
}

/// The page for a method that an address does not take.
pub(super) async fn wrong_method(request: Request) -> Response {
    finish(layout::bare(&Refused::wrong_method(), language(&request)), None, false)
}

/// The page for a form that is too large for anybody to read it.
pub(super) fn too_large(request: &Request) -> impl FnOnce() -> Response + use<> {
    let lang = language(request);
    move || finish(layout::bare(&Refused::too_large(), lang), None, false)
}

/// A refusal becomes a page; everything else is one already.
fn shown(visit: &Visit, mut response: Response) -> Response {
    match response.extensions_mut().remove::<Refused>() {
        Some(refused) if refused.is_sign_in => login::sheet(visit, refused.status),
        Some(refused) => layout::refusal(visit, &refused),
        None => response,
    }
}

/// What holds for every page of the console.
fn finish(mut response: Response, asked: Option<Lang>, is_secure: bool) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Within the service the referrer may be told: without it browsers say `Origin: null` about our own forms.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if let Some(lang) = asked {
        headers.append(header::SET_COOKIE, session::keep_language(lang.word(), is_secure));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn forms_of_other_sites_are_told_by_what_browsers_say() {
        let base = "https://kura.example/x";
        for (pairs, is_own) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://kura.example")], false),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("origin", "https://kura.example")], true),
            (&[("origin", "http://10.0.0.1:8080"), ("host", "10.0.0.1:8080")], true),
            (&[("origin", "https://evil.example"), ("host", "kura.example")], false),
            (&[("origin", "null")], false),
        ] {
            assert_eq!(is_own_origin(&headers(pairs), base), is_own, "{pairs:?}");
        }
    }

    #[test]
    fn texts_are_the_same_only_if_they_are() {
        assert!(
            is_same("abc", "abc") && !is_same("abc", "abd") && !is_same("abc", "ab") && !is_same("a", "")
        );
    }
}
