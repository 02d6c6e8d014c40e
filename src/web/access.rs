//! Who asks: a bearer token and nothing else. The guard of everything under `/api/v1` that is not public.
//!
//! No cookie is read or set, so that no other site can make a browser ask in somebody's name. The guard also sees to
//! idempotency keys, because a key belongs to an account.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::task::TaskTracker;

use crate::domain::actor::Actor;
use crate::workflows::answers::{self, Answer, Receipt, Verdict};
use crate::workflows::desk::Desk;
use crate::workflows::sign_in::{Proof, sign_in};

use super::limits::Limits;
use super::problem::{Kind, Problem, too_large};
use super::{BODY_BYTES_MAX, Shared};

/// The header that makes a request safe to send again.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key, characters.
const KEY_CHARACTERS_MAX: usize = 255;
/// The longest header with a token that is looked at, bytes.
const TOKEN_BYTES_MAX: usize = 256;
/// Where the id of a token stands in its text: `kura_<16 digits>_…`.
const TOKEN_ID: std::ops::Range<usize> = 5..21;

/// What the guard needs.
#[derive(Clone)]
pub(super) struct Gate {
    /// What all handlers share.
    pub(super) shared: Shared,
    /// How often somebody may ask.
    pub(super) limits: Arc<Limits>,
}

/// Who asks.
#[derive(Clone)]
pub(super) struct Caller {
    /// Who proved who he is.
    pub(super) actor: Actor,
    /// As things were when he asked; marks his effect, if he sent an idempotency key.
    desk: Arc<Desk>,
}

impl Caller {
    fn new(actor: Actor, desk: &Desk, receipt: Option<&Receipt>) -> Self {
        let mut desk = desk.clone();
        if let Some(receipt) = receipt {
            desk.catalog = desk.catalog.with_receipt(receipt);
        }
        Self { actor, desk: Arc::new(desk) }
    }

    /// The desk as it was when he asked, for an effect of his.
    pub(super) fn desk(&self) -> Arc<Desk> {
        self.desk.clone()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Problem::token_needed)
    }
}

/// What is kept of an answer instead of its body, because the body holds a secret that is shown once.
#[derive(Clone)]
pub(super) struct KeptInstead(pub(super) String);

impl Problem {
    /// There is no token.
    pub(super) fn token_needed() -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"kura\"");
        Self::new(
            Kind::NoToken,
            "Send the header `Authorization: Bearer TOKEN`; `kura token new` makes a token.",
            "Authorization: Bearer ヘッダーでトークンを送ってください。トークンは `kura token new` で作成できます。",
        )
        .with(header::WWW_AUTHENTICATE, challenge)
    }

    /// The token does not count.
    pub(super) fn token_refused(why: String) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"kura\", error=\"invalid_token\"");
        Self::new(
            Kind::BadToken,
            format!("{why}; make a new one with `kura token new`"),
            "トークンが無効か、期限切れか、取り消されています。新しいトークンを作成してください。",
        )
        .with(header::WWW_AUTHENTICATE, challenge)
    }
}

fn peer(request: &Request) -> IpAddr {
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
    info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(address)| address.ip())
}

/// Counts requests to public addresses of the API.
pub(super) async fn counted(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.limits.check_peer(peer(&request)) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// The token of a request.
fn token(headers: &HeaderMap) -> Result<SecretString, Problem> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return Err(Problem::token_needed()) };
    let text = value.to_str().unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Problem::token_needed());
    }
    if token.len() > TOKEN_BYTES_MAX {
        return Err(Problem::token_refused("it is no token of Kura".to_owned()));
    }
    Ok(SecretString::from(token.trim()))
}

/// Lets requests in whose token counts, answers again what was answered before, and hands the caller to the handler.
pub(super) async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    Box::pin(admit(gate, request, next)).await.unwrap_or_else(IntoResponse::into_response)
}

async fn admit(gate: Gate, mut request: Request, next: Next) -> Result<Response, Problem> {
    gate.limits.check_peer(peer(&request))?;
    let token = token(request.headers())?;
    let (shared, now) = (&gate.shared, gate.shared.clock.now());
    let desk = shared.desk()?;
    let proof = Proof::Token(token.clone());
    let actor = sign_in(&shared.home, &desk.catalog, &proof, now).await?;
    // The token counts, so its id stands where it stands in every token.
    gate.limits.check_token(token.expose_secret().get(TOKEN_ID).unwrap_or_default().to_owned())?;
    let key = match request.headers().get(IDEMPOTENCY_KEY) {
        Some(key) if request.method() == Method::POST => key.clone(),
        _ => {
            request.extensions_mut().insert(Caller::new(actor, &desk, None));
            return Ok(next.run(request).await);
        }
    };
    let key = idempotency_key(&key)?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|_| too_large())?;
    let address = parts.uri.path_and_query().map_or("", |address| address.as_str());
    let asked = answers::digest(token.expose_secret(), parts.method.as_str(), address, &body);
    let reserved = answers::reserve(&desk.catalog, &actor.account, &key, &asked, now).await;
    let receipt = match reserved.map_err(|error| Problem::logged(&error))? {
        Ok(receipt) => receipt,
        Err(verdict) => return answer_again(verdict),
    };
    let mut request = Request::from_parts(parts, Body::from(body));
    request.extensions_mut().insert(Caller::new(actor, &desk, Some(&receipt)));
    // Goes on when the asker hangs up, so that whoever asks again finds the answer.
    let answered = TaskTracker::new().spawn(async move {
        let response = next.run(request).await;
        keep(&desk, &receipt, response).await
    });
    match answered.await {
        Ok(response) => response,
        // A panic: what it left behind is judged when the key comes again.
        Err(error) => Err(Problem::logged(&error)),
    }
}

fn idempotency_key(value: &HeaderValue) -> Result<String, Problem> {
    let key = value.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > KEY_CHARACTERS_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::new(
            Kind::BadKey,
            format!(
                "An Idempotency-Key has 1 to {KEY_CHARACTERS_MAX} ASCII characters without spaces, such as a UUID."
            ),
            format!(
                "Idempotency-Key は空白を含まない半角英数記号で1～{KEY_CHARACTERS_MAX}文字にしてください。"
            ),
        ));
    }
    Ok(key.to_owned())
}

fn answer_again(verdict: Verdict) -> Result<Response, Problem> {
    match verdict {
        Verdict::Kept(answer) => Ok(replay(answer)),
        Verdict::Other => Err(Problem::new(
            Kind::KeyReused,
            "Use a new key for each request; send the same request again, with the same token, to repeat one.",
            "要求ごとに新しいキーを使用してください。再送するときは、同じトークンで同じ内容を送ってください。",
        )),
        Verdict::UnderWay | Verdict::Abandoned => Err(Problem::new(
            Kind::RequestUnderWay,
            "Wait for its answer, or ask again in a moment.",
            "応答をお待ちいただくか、少し後で再送してください。",
        )
        .waiting(1)),
        Verdict::Lost(subject) => Err(Problem::new(
            Kind::AnswerLost,
            format!("It took effect on {subject} and is not done again: look there."),
            format!("{subject} に対して実行済みです。再実行はしません。結果は対象をご覧ください。"),
        )),
    }
}

fn replay(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    for (name, value) in [(header::LOCATION, answer.location), (header::ETAG, answer.etag)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    response
}

/// Keeps an answer with an effect; gives the key back after any other.
async fn keep(desk: &Desk, receipt: &Receipt, response: Response) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_else(|_| Bytes::new());
    let text = |name: HeaderName| {
        let value = parts.headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let instead = parts.extensions.get::<KeptInstead>().map(|KeptInstead(body)| body.clone());
    let answer = parts.status.is_success().then(|| Answer {
        status: parts.status.as_u16(),
        location: text(header::LOCATION),
        etag: text(header::ETAG),
        body: instead.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned()),
    });
    if let Err(error) = answers::settle(&desk.catalog, receipt, answer.as_ref()).await {
        // The effect stands; only its answer is lost to whoever asks again.
        tracing::error!(%error, "an answer could not be kept");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}
