//! A form with a file (`multipart/form-data`, RFC 7578) from a page of this very session.
//!
//! Only what our own form sends is read: a few short fields and one file. The name of the file on the sender's machine is
//! not kept.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;

use super::form::Fields;
use super::refused::Refused;
use super::visit::{Visit, is_of_session};
use crate::web::UPLOAD_BYTES_MAX;

/// The most parts that a form of ours has.
const PARTS_MAX: usize = 8;
/// The longest field that is no file, bytes.
const FIELD_BYTES_MAX: usize = 4096;
/// The longest boundary (RFC 2046).
const BOUNDARY_BYTES_MAX: usize = 70;

/// What was sent.
#[derive(Debug)]
pub(super) struct Uploaded {
    /// The fields.
    pub(super) fields: Fields,
    /// The file; `None` if none was chosen.
    pub(super) file: Option<Bytes>,
}

impl<S: Send + Sync> FromRequest<S> for Uploaded {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let visit = request.extensions().get::<Arc<Visit>>().cloned();
        let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = kind.and_then(boundary).map(str::to_owned);
        let body = to_bytes(request.into_body(), UPLOAD_BYTES_MAX).await.map_err(|_| Refused::too_large())?;
        let sent = boundary.and_then(|boundary| read(&body, &boundary));
        // Whatever cannot be read holds no token either: that is said first.
        let fields = sent.as_ref().map(|sent| sent.fields.clone()).unwrap_or_default();
        is_of_session(visit.as_deref(), &fields)?;
        sent.ok_or_else(Refused::unreadable_form)
    }
}

/// The boundary that a content type names.
fn boundary(kind: &str) -> Option<&str> {
    let (word, rest) = kind.split_once(';')?;
    let is_ours = word.trim().eq_ignore_ascii_case("multipart/form-data");
    let found = rest
        .split(';')
        .filter_map(|one| one.trim().split_once('='))
        .find(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    let text = found?.1.trim_matches('"');
    let is_good =
        (1..=BOUNDARY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    (is_ours && is_good).then_some(text)
}

/// The place of `wanted` in `bytes`.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len().max(1)).position(|window| window == wanted)
}

/// Reads a body: its fields, and its file. `None` if it is no form, or another than ours.
fn read(body: &Bytes, boundary: &str) -> Option<Uploaded> {
    let (first, between) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    let mut at = body.strip_prefix(first.as_bytes()).map(|rest| body.len().saturating_sub(rest.len()))?;
    let (mut pairs, mut file) = (Vec::new(), None);
    for _ in 0..=PARTS_MAX {
        let rest = body.get(at..)?;
        if rest.starts_with(b"--") {
            return Some(Uploaded { fields: Fields::new(pairs), file });
        }
        let head = rest.strip_prefix(b"\r\n")?;
        let end_of_head = find(head, b"\r\n\r\n").filter(|end| *end <= FIELD_BYTES_MAX)?;
        let begin = at.checked_add(2 + 4)?.checked_add(end_of_head)?;
        let length = find(body.get(begin..)?, between.as_bytes())?;
        let end = begin.checked_add(length)?;
        let (name, is_file) = named(std::str::from_utf8(head.get(..end_of_head)?).ok()?)?;
        if !is_file {
            let text = body.get(begin..end).filter(|text| text.len() <= FIELD_BYTES_MAX)?;
            pairs.push((name, std::str::from_utf8(text).ok()?.to_owned()));
        } else if length > 0 {
            file = Some(body.slice(begin..end));
        }
        at = end.checked_add(between.len())?;
    }
    None
}

/// The name of a part, and whether it is a file.
fn named(head: &str) -> Option<(String, bool)> {
    let line = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let mut words = line.split(';').map(str::trim);
    let is_form = words.next()?.eq_ignore_ascii_case("form-data");
    // A name of a file may hold a semicolon; those of our fields, which come first, do not.
    let name = words.find_map(|word| word.strip_prefix("name=\"")?.strip_suffix('"'))?;
    let is_file = line.contains("filename=") || line.contains("filename*=");
    is_form.then(|| (name.to_owned(), is_file))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn part(head: &str, body: &[u8]) -> Vec<u8> {
        let head = format!("--x\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        [head.as_bytes(), body, b"\r\n"].concat()
    }

    fn whole(parts: &[Vec<u8>]) -> Bytes {
        [parts.concat(), b"--x--\r\n".to_vec()].concat().into()
    }

    #[test]
    fn fields_and_the_file_are_read_as_browsers_send_them() {
        let bytes = b"%PDF\r\n--y\r\n\0\xff\r\n".to_vec();
        let file = part("name=\"file\"; filename=\"a; name=b.pdf\"\r\nContent-Type: application/pdf", &bytes);
        let body =
            whole(&[part("name=\"token\"", b"abc"), part("name=\"title\"", "成績書".as_bytes()), file]);
        let sent = read(&body, "x").unwrap();
        assert_eq!((sent.fields.raw("token"), sent.fields.raw("title")), ("abc", "成績書"));
        assert_eq!(sent.file.as_deref(), Some(bytes.as_slice()));
        let none = read(&whole(&[part("name=\"file\"; filename=\"\"", b"")]), "x").unwrap();
        assert_eq!(none.file, None, "no file was chosen");
    }

    #[test]
    fn what_is_no_form_of_ours_is_not_read() {
        let many: Vec<Vec<u8>> = (0..9).map(|_| part("name=\"a\"", b"b")).collect();
        for body in [
            Bytes::new(),
            Bytes::from_static(b"reason=x&token=0000"),
            Bytes::from_static(b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nno end"),
            whole(&[part("name=\"a\"", &[0xff, 0xfe])]),
            whole(&[part("name=\"a\"", &[b'a'; 5000])]),
            whole(&[part("nothing", b"b")]),
            whole(&many),
        ] {
            assert!(read(&body, "x").is_none(), "{body:?}");
        }
        assert!(read(&whole(&[]), "y").is_none(), "another boundary");
    }

    #[test]
    fn the_boundary_is_that_of_the_content_type() {
        assert_eq!(boundary("multipart/form-data; boundary=----WebKit7"), Some("----WebKit7"));
        assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; Boundary=\"a_b\""), Some("a_b"));
        for kind in [
            "multipart/form-data",
            "text/plain; boundary=x",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=a b",
        ] {
            assert_eq!(boundary(kind), None, "{kind}");
        }
        assert_eq!(boundary(&format!("multipart/form-data; boundary={}", "a".repeat(71))), None);
    }

    proptest! {
        /// Whatever comes, reading it ends, and what is read lies in it.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0_usize..300) {
            let sent = whole(&[part("name=\"file\"; filename=\"f\"", &bytes)]);
            if !bytes.windows(5).any(|window| window == b"\r\n--x") {
                prop_assert_eq!(read(&sent, "x").and_then(|sent| sent.file).unwrap_or_default(), bytes.clone());
            }
            drop(read(&sent.slice(..cut.min(sent.len())), "x"));
            drop(read(&Bytes::from(bytes), "x"));
        }
    }
}
