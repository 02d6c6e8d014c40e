//! A form with a file (`multipart/form-data`, RFC 7578) from a page of this very session.
//!
//! Only what our own form sends is read: a few short fields and one file. The name of the file on the sender's machine is
//! not kept.

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use multer::Multipart;

use super::form::Fields;
use super::refused::Refused;
use super::visit::{Visit, is_of_session};
use crate::web::UPLOAD_BYTES_MAX;

/// The most parts that a form of ours has.
const PARTS_MAX: usize = 8;
/// The longest field that is no file, bytes.
const FIELD_BYTES_MAX: usize = 4096;
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
        let boundary = kind.and_then(|kind| multer::parse_boundary(kind).ok());
        let body = to_bytes(request.into_body(), UPLOAD_BYTES_MAX).await.map_err(|_| Refused::too_large())?;
        let sent = match boundary {
            Some(boundary) => read(body, boundary).await,
            None => None,
        };
        // Whatever cannot be read holds no token either: that is said first.
        let fields = sent.as_ref().map(|sent| sent.fields.clone()).unwrap_or_default();
        is_of_session(visit.as_deref(), &fields)?;
        sent.ok_or_else(Refused::unreadable_form)
    }
}

/// Reads a body: its fields, and its file. `None` if it is no form, or another than ours.
async fn read(body: Bytes, boundary: String) -> Option<Uploaded> {
    let mut parts = Multipart::new(Body::from(body).into_data_stream(), boundary);
    let (mut pairs, mut file) = (Vec::new(), None);
    for _ in 0..=PARTS_MAX {
        let Some(part) = parts.next_field().await.ok()? else {
            return Some(Uploaded { fields: Fields::new(pairs), file });
        };
        let (name, is_file) = (part.name()?.to_owned(), part.file_name().is_some());
        let bytes = part.bytes().await.ok()?;
        if !is_file {
            let text = Some(&bytes).filter(|text| text.len() <= FIELD_BYTES_MAX)?;
            pairs.push((name, std::str::from_utf8(text).ok()?.to_owned()));
        } else if !bytes.is_empty() {
            file = Some(bytes);
        }
    }
    None
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

    /// Reads a body whose boundary is `x`.
    fn read(body: Bytes) -> Option<Uploaded> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(super::read(body, "x".to_owned()))
    }

    #[test]
    fn fields_and_the_file_are_read_as_browsers_send_them() {
        let bytes = b"%PDF\r\n--y\r\n\0\xff\r\n".to_vec();
        let file = part("name=\"file\"; filename=\"a; name=b.pdf\"\r\nContent-Type: application/pdf", &bytes);
        let body =
            whole(&[part("name=\"token\"", b"abc"), part("name=\"title\"", "成績書".as_bytes()), file]);
        let sent = read(body).unwrap();
        assert_eq!((sent.fields.raw("token"), sent.fields.raw("title")), ("abc", "成績書"));
        assert_eq!(sent.file.as_deref(), Some(bytes.as_slice()));
        let none = read(whole(&[part("name=\"file\"; filename=\"\"", b"")])).unwrap();
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
            assert!(read(body.clone()).is_none(), "{body:?}");
        }
    }

    proptest! {
        /// Whatever comes, reading it ends, and what is read lies in it.
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0_usize..300) {
            let sent = whole(&[part("name=\"file\"; filename=\"f\"", &bytes)]);
            if !bytes.windows(5).any(|window| window == b"\r\n--x") {
                prop_assert_eq!(read(sent.clone()).and_then(|sent| sent.file).unwrap_or_default(), bytes.clone());
            }
            drop(read(sent.slice(..cut.min(sent.len()))));
            drop(read(Bytes::from(bytes)));
        }
    }
}
