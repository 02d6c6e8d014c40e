//! Fetching an extract: whoever has the address gets the sealed file, once in a while, as long as it counts.
//!
//! Nothing is said of a wrong address but that it is wrong. The file opens for the applicant alone.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Router};
use maud::{DOCTYPE, html};

use crate::web::Shared;
use crate::web::console::Throttle;
use crate::workflows::extracts::link::{FetchError, fetch};

/// The address, with a limit of its own for each peer.
pub(super) fn router(shared: &Shared) -> Router<Shared> {
    let throttle = Arc::new(Throttle::new(shared.clock.clone()));
    Router::new()
        // A look at the headers alone is no fetch.
        .route("/extracts/{address}", get(file).head(async || StatusCode::METHOD_NOT_ALLOWED))
        .layer(Extension(throttle))
}

async fn file(
    State(shared): State<Shared>,
    Extension(throttle): Extension<Arc<Throttle>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(address): Path<String>,
) -> Response {
    let mut response = match throttle.take(peer.ip()) {
        Ok(()) => answer(&shared, &address).await,
        Err(wait) => {
            let mut response = page(
                StatusCode::TOO_MANY_REQUESTS,
                "しばらくお待ちください",
                &format!("取得の試みが続いています。{wait}秒後にもう一度お試しください。"),
            );
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
            response
        }
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn answer(shared: &Shared, address: &str) -> Response {
    let Ok(desk) = shared.desk() else {
        return page(
            StatusCode::SERVICE_UNAVAILABLE,
            "ただいま提供できません",
            "時間をおいてもう一度お試しください。",
        );
    };
    match fetch(&desk.catalog, &shared.home, address, shared.clock.now()).await {
        Ok(fetched) => {
            let (permit, execution, ending) = (&fetched.permit, fetched.execution, fetched.ending);
            let name = format!("attachment; filename=\"{permit}-{execution}.{ending}.age\"");
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
            if let Ok(name) = HeaderValue::from_str(&name) {
                headers.insert(header::CONTENT_DISPOSITION, name);
            }
            (headers, fetched.sealed).into_response()
        }
        Err(FetchError::None) => page(
            StatusCode::NOT_FOUND,
            "該当するファイルがありません",
            "アドレスが途中で切れていないか、ご確認ください。",
        ),
        Err(FetchError::Over) => page(
            StatusCode::GONE,
            "提供は終了しました",
            "取得の期限が過ぎたか、許可が終了しました。必要な場合は、システム運用者へお問い合わせください。",
        ),
        Err(FetchError::Failed(error)) => {
            tracing::error!(code = error.code(), "an extract could not be given to who fetched it");
            page(
                StatusCode::SERVICE_UNAVAILABLE,
                "ただいま提供できません",
                "時間をおいてもう一度お試しください。続く場合は、システム運用者へお問い合わせください。",
            )
        }
    }
}

fn page(status: StatusCode, title: &str, words: &str) -> Response {
    let page = html! {
        (DOCTYPE)
        html lang="ja" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                link rel="stylesheet" href="/assets/kura.css";
            }
            body { main { h1 { (title) } p { (words) } } }
        }
    };
    (status, Html(page.into_string())).into_response()
}
