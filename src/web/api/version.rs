//! Versions: `ETag` on what is decided about, `If-Match` on decisions.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use crate::web::problem::{Kind, Problem};

/// A version as a strong entity tag.
pub(super) fn tag(version: &[u8; 32]) -> String {
    format!("\"{}\"", hex::encode(version))
}

/// Adds a version to an answer.
pub(super) fn tagged(mut response: Response, version: &[u8; 32]) -> Response {
    if let Ok(value) = HeaderValue::try_from(tag(version)) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response
}

/// It is not what it was when it was looked at.
pub(super) fn changed() -> Problem {
    Problem::new(
        Kind::Changed,
        "Get it again, look at what is different, and send the new ETag in If-Match.",
        "もう一度取得して変更点を確認し、新しい ETag を If-Match に指定してください。",
    )
}

/// The versions that a request says it has seen; `None` if it says nothing.
pub(super) fn seen(headers: &HeaderMap) -> Option<Vec<[u8; 32]>> {
    let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
    values.peek()?;
    let texts = values.filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    let version = |text: &str| {
        let digits = text.trim().strip_prefix('"')?.strip_suffix('"')?;
        hex::decode(digits).ok()?.try_into().ok()
    };
    Some(texts.filter_map(version).collect())
}

/// The one version that a decision is about. `*` does not say which.
pub(super) fn decided_about(headers: &HeaderMap) -> Result<[u8; 32], Problem> {
    let Some(seen) = seen(headers) else {
        return Err(Problem::new(
            Kind::VersionNeeded,
            "Get it first, and send its ETag in the header If-Match.",
            "先に対象を取得し、その ETag を If-Match ヘッダーで送ってください。",
        ));
    };
    match seen.as_slice() {
        [version] => Ok(*version),
        _ => Err(changed()),
    }
}

/// Refuses a request that says it has seen another version; one that says nothing passes.
pub(super) fn check(headers: &HeaderMap, version: &[u8; 32]) -> Result<(), Problem> {
    match seen(headers) {
        Some(seen) if !seen.contains(version) => Err(changed()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_strong_tag_that_was_given_counts() {
        let version = [7; 32];
        let with = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::try_from(text).unwrap());
            decided_about(&headers).ok()
        };
        assert_eq!(with(&tag(&version)), Some(version));
        for bad in
            ["*", "", "\"\"", "abc", &format!("W/{}", tag(&version)), &format!("{0}, {0}", tag(&version))]
        {
            assert_eq!(with(bad), None, "{bad}");
        }
        assert!(decided_about(&HeaderMap::new()).is_err());
    }
}
