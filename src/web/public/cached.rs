//! Answers that readers may keep: ETag and Last-Modified, and 304 for those who have the newest one.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::time::Instant;

/// How a date stands in HTTP.
const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// A body with what it is, or 304 if the reader has it.
///
/// The tag is a digest of the bytes, so it is right whatever the body depends on. `If-Modified-Since` counts only where
/// there is no tag (RFC 9110, 13.2.2).
pub(super) fn answer(
    asked: &HeaderMap,
    content_type: &'static str,
    body: String,
    changed_at: Instant,
) -> Response {
    let digest = blake3::hash(body.as_bytes()).to_hex();
    let tag = format!("\"{}\"", digest.chars().take(32).collect::<String>());
    let modified = http_date(changed_at);
    let is_known = match asked.get(header::IF_NONE_MATCH) {
        Some(tags) => names(tags, &tag),
        None => asked.get(header::IF_MODIFIED_SINCE).is_some_and(|since| is_since(since, changed_at)),
    };
    let mut answer = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, content_type)], body).into_response()
    };
    for (name, value) in [(header::ETAG, Some(tag)), (header::LAST_MODIFIED, modified)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            answer.headers_mut().insert(name, value);
        }
    }
    answer
}

fn http_date(at: Instant) -> Option<String> {
    // Before the first notice there is nothing that could have changed.
    let at = jiff::Timestamp::from_second(at.as_seconds()).ok().filter(|at| at.as_second() > 0)?;
    Some(at.strftime(HTTP_DATE).to_string())
}

/// Whether a list of tags names this one; weak tags count, as they do for GET.
fn names(tags: &HeaderValue, tag: &str) -> bool {
    let Ok(tags) = tags.to_str() else { return false };
    tags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

/// Whether nothing changed after the date that the reader names.
fn is_since(since: &HeaderValue, changed_at: Instant) -> bool {
    let parsed = since.to_str().ok().and_then(|text| jiff::civil::DateTime::strptime(HTTP_DATE, text).ok());
    let since = parsed.and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC).ok());
    since.is_some_and(|since| {
        changed_at.as_seconds() > 0 && changed_at.as_seconds() <= since.timestamp().as_second()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(name: header::HeaderName, value: &str) -> u16 {
        let asked = HeaderMap::from_iter([(name, HeaderValue::try_from(value).unwrap())]);
        let answer =
            answer(&asked, "text/plain", "hello".to_owned(), Instant::from_micros(1_700_000_000_500_000));
        answer.status().as_u16()
    }

    #[test]
    fn who_has_the_newest_gets_it_no_second_time() {
        let first = answer(
            &HeaderMap::new(),
            "text/plain",
            "hello".to_owned(),
            Instant::from_micros(1_700_000_000_500_000),
        );
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        assert_eq!(first.headers()[header::LAST_MODIFIED], "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(status(header::IF_NONE_MATCH, &tag), 304);
        assert_eq!(status(header::IF_NONE_MATCH, &format!("\"x\", W/{tag}")), 304);
        assert_eq!(status(header::IF_NONE_MATCH, "\"x\""), 200);
        assert_eq!(status(header::IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:20 GMT"), 304);
        assert_eq!(status(header::IF_MODIFIED_SINCE, "Tue, 14 Nov 2023 22:13:19 GMT"), 200);
        assert_eq!(status(header::IF_MODIFIED_SINCE, "yesterday"), 200);
    }
}
