//! Lists page by page: `limit`, an opaque `cursor`, and where the next page is.

use axum::Json;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use utoipa::{IntoParams, ToSchema};

use crate::domain::time::Instant;
use crate::web::problem::{Kind, Problem};
use crate::workflows::lists::{ListPlace, Page};

/// How many rows a page has unless its reader says otherwise.
const LIMIT: u32 = 50;
/// The most rows of a page.
const LIMIT_MAX: u32 = 200;

/// Which page.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// At most so many rows, 1 to 200; 50 unless it is given.
    #[param(minimum = 1, maximum = 200, required = false)]
    pub(super) limit: Option<u32>,
    /// What the page before gave as `next`.
    #[param(required = false, nullable = false)]
    pub(super) cursor: Option<String>,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listing<T> {
    /// The rows.
    pub(super) items: Vec<T>,
    /// The cursor of the next page; null on the last one.
    pub(super) next: Option<String>,
}

/// A page as it was asked for.
pub(super) struct Wanted {
    /// After which row it begins.
    pub(super) after: ListPlace,
    /// At most so many rows.
    pub(super) limit: u32,
    list: &'static str,
}

impl Wanted {
    /// Reads limit and cursor. `list` names the list in the cursor, so that none is used on another list.
    pub(super) fn read(
        list: &'static str,
        (limit, cursor): (Option<u32>, Option<&str>),
        first: ListPlace,
    ) -> Result<Self, Problem> {
        let limit = limit.unwrap_or(LIMIT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Problem::bad_request(
                format!("limit is 1 to {LIMIT_MAX}, not {limit}"),
                format!("件数（limit）は1～{LIMIT_MAX}で指定してください。"),
            ));
        }
        let after = match cursor {
            None => first,
            Some(text) => decode(list, text).ok_or_else(|| {
                Problem::new(
                    Kind::BadCursor,
                    "Use `next` of the page before as it is, or begin without a cursor.",
                    "前のページの next の値をそのまま使うか、cursor なしで最初から取得してください。",
                )
            })?,
        };
        Ok(Self { after, limit, list })
    }

    /// The page of things that stand in the order of names of theirs, of all there are.
    pub(super) fn by_name<R>(&self, all: Vec<R>, name: impl Fn(&R) -> String) -> Page<R> {
        let rows = all.into_iter().filter(|one| name(one) > self.after.id).collect();
        Page::of_all(rows, self.limit, |one| ListPlace { at: Instant::from_micros(0), id: name(one) })
    }

    /// The shape of a page of rows.
    fn listing<R, T>(&self, page: Page<R>, shape: impl Fn(&R) -> T) -> Listing<T> {
        let next = page.next.map(|place| encode(self.list, &place));
        Listing { items: page.rows.iter().map(shape).collect(), next }
    }

    /// The answer with a page, and the header that leads to the next one.
    pub(super) fn answer<R, T: Serialize>(
        &self,
        page: Page<R>,
        uri: &Uri,
        shape: impl Fn(&R) -> T,
    ) -> Response {
        let listing = self.listing(page, shape);
        linked(Json(&listing).into_response(), listing.next.as_deref(), uri)
    }
}

/// Adds `Link: <…>; rel="next"`, if there is a next page.
fn linked(mut response: Response, next: Option<&str>, uri: &Uri) -> Response {
    if let Some(next) = next {
        let given = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let kept = given.filter(|(name, _)| name != "cursor");
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .append_pair("cursor", next)
            .finish();
        let link = format!("<{}?{query}>; rel=\"next\"", uri.path());
        if let Ok(link) = HeaderValue::try_from(link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    response
}

/// A place as a cursor. Whoever reads it gains nothing, and nobody has to.
fn encode(list: &str, place: &ListPlace) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list}\n{}\n{}", place.at.as_micros(), place.id))
}

fn decode(list: &str, cursor: &str) -> Option<ListPlace> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, rest) = text.split_once('\n')?;
    let (at, id) = rest.split_once('\n')?;
    let at = Instant::from_micros(at.parse().ok()?);
    (name == list).then(|| ListPlace { at, id: id.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_on_its_own_list_only() {
        let place = ListPlace { at: Instant::from_micros(-5), id: "a\nb".to_owned() };
        let cursor = encode("runs", &place);
        assert_eq!(decode("runs", &cursor), Some(place));
        assert_eq!(decode("windows", &cursor), None);
        for bad in ["", "x", "cnVucw", "!!!", "cnVucwp4Cnk"] {
            assert_eq!(decode("runs", bad), None, "{bad}");
        }
    }

    #[test]
    fn the_next_page_keeps_what_was_asked_for() {
        let uri: Uri = "/api/v1/runs?plan=a%26b&cursor=old&limit=2".parse().unwrap();
        let response = linked(().into_response(), Some("new"), &uri);
        let link = response.headers().get(header::LINK).unwrap().to_str().unwrap();
        assert_eq!(link, "</api/v1/runs?plan=a%26b&limit=2&cursor=new>; rel=\"next\"");
    }
}
