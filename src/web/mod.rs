//! What Kura tells over HTTP: the public pages and feeds of notices, whether it is well, and the API for programs.
//!
//! What is public only reads, and is what `/notices` shows: no plan, no account, no file. Each handler
//! parses, calls one workflow and renders; failures are told as problem+json with a number that the log has too.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, map_request};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use crate::clock::Clock;
use crate::config::Home;
use crate::workflows::desk::{Desk, Desks};
use crate::workflows::expire::Benches;
use crate::workflows::pulse::Pulse;
use crate::workflows::under_way::UnderWay;

/// The form of problems (RFC 9457).
mod problem;

pub use patience::Patience;
use patience::{Patient, Peer};
use problem::Problem;

/// What everybody may read.
mod public;

/// Whether the service is well.
mod health;

/// Figures for Prometheus.
pub mod metrics;

/// The API for programs.
pub mod api;

/// Who asks.
mod access;

/// How often somebody may ask.
pub mod limits;

/// Connections that end.
mod patience;

/// Cookies.
mod session;

/// The stylesheet.
mod assets;

/// The console.
pub mod console;

pub use console::Console;

/// The longest an answer may take.
const ANSWER_SECONDS_MAX: u64 = 30;
/// The largest request body, bytes. Nothing that is asked for needs more.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The largest form with a file, bytes: the file of 8 MiB, and the fields beside it. A phone sends that in time.
const UPLOAD_BYTES_MAX: usize = (8 << 20) + BODY_BYTES_MAX;
/// How long open connections may last after the stop.
const STOP_WAIT: Duration = Duration::from_secs(10);
/// How many notices pages and feeds show.
const SHOWN_MAX: u32 = 500;

/// What the handlers share.
#[derive(Clone)]
pub struct Shared {
    /// The installation's folder.
    pub home: Home,
    /// Where the desk comes from, as things are now.
    pub desks: Arc<dyn Desks>,
    /// Where the host with its store comes from, for pages about deletion and holds.
    pub benches: Arc<dyn Benches>,
    /// The runs of this program that are under way.
    pub under_way: UnderWay,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The address of this service as its readers see it, without a slash at its end.
    pub base: Arc<str>,
    /// How the scheduler's heart does.
    pub pulse: Arc<Pulse>,
    /// What the console keeps in memory.
    pub console: Console,
}

impl Shared {
    /// The desk as it is now.
    fn desk(&self) -> Result<Desk, Problem> {
        self.desks.desk().map_err(Problem::unreadable)
    }
}

/// Every address, with what holds for all of them.
pub fn router(shared: Shared) -> Router {
    let set = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        .merge(public::router(&shared))
        .merge(api::router(&shared))
        .merge(console::router(&shared))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::wrong_method)
        .with_state(shared.clone())
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        // Forms with files have a limit of their own.
        .merge(console::uploads(&shared).with_state(shared).layer(RequestBodyLimitLayer::new(UPLOAD_BYTES_MAX)))
        .layer(TimeoutLayer::with_status_code(
            StatusCode::SERVICE_UNAVAILABLE,
            Duration::from_secs(ANSWER_SECONDS_MAX),
        ))
        .layer(CatchPanicLayer::new())
        .layer(from_fn(complete))
        // Outermost: what the layers below refuse has these too.
        .layer(set(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ))
        .layer(set(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(set(header::REFERRER_POLICY, "no-referrer"))
        .layer(set(header::CACHE_CONTROL, "no-cache"))
}

/// Gives answers that layers made their form: a page for people who are at the console, a problem for everybody else.
async fn complete(request: Request, next: Next) -> Response {
    let page = console::too_large(&request);
    let response = next.run(request).await;
    match page {
        Some(page) if response.status() == StatusCode::PAYLOAD_TOO_LARGE => page(),
        Some(_) | None => problem::complete(response),
    }
}

/// The address of a client where handlers look for it.
async fn address(ConnectInfo(Peer(address)): ConnectInfo<Peer>, mut request: Request) -> Request {
    request.extensions_mut().insert(ConnectInfo(address));
    request
}

/// Answers until `stop` is cancelled, then lets open answers end, for a while.
pub async fn serve(listener: TcpListener, shared: Shared, stop: CancellationToken) -> std::io::Result<()> {
    serve_with(Patience::default(), listener, shared, stop).await
}

/// The same with another patience; for tests.
pub async fn serve_with(
    patience: Patience,
    listener: TcpListener,
    shared: Shared,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let service = router(shared).layer(map_request(address)).into_make_service_with_connect_info::<Peer>();
    let (asked, begun) = (stop.clone(), stop.clone());
    let answering = axum::serve(Patient(listener, patience), service)
        .with_graceful_shutdown(async move { asked.cancelled().await });
    tokio::select! {
        ended = async { answering.await } => ended,
        // Idle connections would keep the service for ever.
        () = async { begun.cancelled().await; tokio::time::sleep(STOP_WAIT).await } => Ok(()),
    }
}
