//! What the answers of S3 servers mean. Servers differ in status and code; this is the one place that knows.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::vault::VaultError;

/// Longest text of a server that is repeated in a message, characters.
const WORDS_MAX: usize = 200;

/// What was asked of the server, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// The operation, for example `PUT`.
    pub act: &'static str,
    /// The key, or empty for the bucket itself.
    pub key: &'a str,
    /// The store's address.
    pub store: &'a str,
}

impl Asked<'_> {
    /// The place to name in a message: the key, else the store.
    fn place(self) -> String {
        if self.key.is_empty() { self.store.to_owned() } else { self.key.to_owned() }
    }

    /// A fault that may pass.
    pub(super) fn unavailable(self, reason: impl Into<String>) -> VaultError {
        VaultError::Unavailable { act: self.act, place: self.place(), reason: reason.into() }
    }

    /// A setting that is wrong.
    pub(super) fn unusable(self, reason: impl Into<String>) -> VaultError {
        VaultError::Unusable { place: self.store.to_owned(), reason: reason.into() }
    }
}

/// What a failed call means.
#[derive(Debug)]
pub(super) enum Fault {
    /// The key is taken, or another writer is busy with it.
    Conflict,
    /// It may pass: another try is worth it.
    Passing(VaultError),
    /// Another try gives the same.
    Final(VaultError),
}

impl Fault {
    /// The error to report if there is no other try.
    pub(super) fn into_error(self, asked: Asked<'_>) -> VaultError {
        match self {
            Self::Conflict => asked.unavailable("another writer is busy with it"),
            Self::Passing(error) | Self::Final(error) => error,
        }
    }
}

/// The code that the server gave, empty if it gave none.
pub(super) fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or("")
}

/// Judges a failed call.
pub(super) fn judge<E>(asked: Asked<'_>, error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            judge_answer(asked, status, code_of(error), answer.err().message().unwrap_or(""))
        }
        SdkError::TimeoutError(_) => Fault::Passing(asked.unavailable("no answer in time")),
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            if status < 300 {
                Fault::Passing(asked.unavailable("the answer broke off or is not S3"))
            } else {
                judge_answer(asked, status, "", "")
            }
        }
        SdkError::ConstructionFailure(_) => {
            let chain = chain_of(error);
            missing_credentials(asked, &chain)
                .unwrap_or_else(|| Fault::Final(asked.unusable(shorten(&chain))))
        }
        SdkError::DispatchFailure(_) => judge_connection(asked, &chain_of(error)),
        _ => Fault::Passing(asked.unavailable("an unknown fault of the connection")),
    }
}

/// The server was not reached.
fn judge_connection(asked: Asked<'_>, chain: &str) -> Fault {
    if let Some(fault) = missing_credentials(asked, chain) {
        return fault;
    }
    let reason = if chain.contains("onnection refused") {
        "the connection was refused: start the server, or correct the endpoint".to_owned()
    } else if chain.contains("dns error") || chain.contains("lookup address") {
        "the server's name is not known: correct the endpoint, or repair the name service".to_owned()
    } else if chain.contains("certificate") {
        return Fault::Final(asked.unusable(
            "the server's certificate is not trusted: put its authority among the system's, or name its file in \
             SSL_CERT_FILE",
        ));
    } else {
        format!("the connection failed ({})", shorten(chain))
    };
    Fault::Passing(asked.unavailable(reason))
}

/// Nothing was sent, because nobody knows who Kura is.
fn missing_credentials(asked: Asked<'_>, chain: &str) -> Option<Fault> {
    chain.contains("redentials").then(|| {
        let reason = "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a \
                      credentials file in AWS_SHARED_CREDENTIALS_FILE";
        Fault::Final(VaultError::Denied { place: asked.store.to_owned(), reason: reason.to_owned() })
    })
}

/// The server answered with an error.
fn judge_answer(asked: Asked<'_>, status: u16, code: &str, message: &str) -> Fault {
    let words = match (code, message) {
        ("", "") => format!("HTTP {status}"),
        (code, "") => format!("HTTP {status} {}", shorten(code)),
        (code, message) => format!("HTTP {status} {}: {}", shorten(code), shorten(message)),
    };
    let denied = |advice: &str| {
        let place = format!("{} {}", asked.act, asked.place());
        Fault::Final(VaultError::Denied { place, reason: format!("{words}; {advice}") })
    };
    match (code, status) {
        ("NoSuchBucket", _) => Fault::Final(asked.unusable(format!(
            "{words}; make the bucket first (with Object Lock, if objects shall be locked), or correct its name"
        ))),
        ("InvalidAccessKeyId" | "InvalidToken" | "InvalidClientTokenId", _) => {
            denied("the server does not know this access key: correct AWS_ACCESS_KEY_ID, or the endpoint")
        }
        ("SignatureDoesNotMatch", _) => denied("the secret key is wrong: correct AWS_SECRET_ACCESS_KEY"),
        ("ExpiredToken" | "TokenRefreshRequired", _) => denied("the credentials have run out: renew them"),
        ("RequestTimeTooSkewed" | "RequestExpired" | "RequestInTheFuture", _) => Fault::Final(asked.unusable(format!(
            "{words}; this machine's clock and the server's differ too much: set the wrong one (NTP)"
        ))),
        ("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException", _)
        | (_, 301 | 307 | 308) => {
            Fault::Final(asked.unusable(format!("{words}; the bucket is in another region: correct region=")))
        }
        ("QuotaExceeded" | "InsufficientStorage" | "XMinioStorageFull" | "EntityTooLarge", _) | (_, 507) => {
            Fault::Final(VaultError::Full { place: asked.place() })
        }
        ("PreconditionFailed" | "ConditionalRequestConflict" | "OperationAborted", _) | ("", 409 | 412) => {
            Fault::Conflict
        }
        // Not about an object: a web server that is no store says this of any address, and so does a cut answer.
        ("", 404) if asked.key.is_empty() => {
            let words = "HTTP 404 without a word of S3: correct the endpoint";
            Fault::Passing(asked.unavailable(words))
        }
        ("NoSuchKey" | "NoSuchVersion" | "NotFound" | "InvalidRange", _) | ("", 404 | 416) => {
            Fault::Final(VaultError::Missing { key: asked.key.to_owned() })
        }
        // The bytes were damaged on the way, or the server gave up waiting for them.
        ("BadDigest" | "XAmzContentSHA256Mismatch" | "RequestTimeout" | "IncompleteBody" | "SlowDown", _)
        | (_, 408 | 429 | 500 | 502..=504) => Fault::Passing(asked.unavailable(words)),
        (_, 401 | 403) => denied("the credentials lack the right to do this: see the bucket's policy"),
        _ => Fault::Final(asked.unusable(words)),
    }
}

/// An error and its causes in one line.
fn chain_of(error: &dyn Error) -> String {
    let mut chain = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        chain = format!("{chain}: {inner}");
        cause = inner.source();
    }
    chain
}

/// A server's words, made harmless for one line of a message.
fn shorten(words: &str) -> String {
    words.chars().filter(|letter| !letter.is_control()).take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked<'static> = Asked { act: "PUT", key: "p/x", store: "s3://records" };

    #[test]
    fn every_answer_says_whether_to_try_again_and_what_to_do() {
        for (status, code, expected) in [
            (503, "SlowDown", "Passing(Unavailable"),
            (500, "", "Passing(Unavailable"),
            (400, "RequestTimeout", "Passing(Unavailable"),
            (412, "PreconditionFailed", "Conflict"),
            (409, "ConditionalRequestConflict", "Conflict"),
            (412, "", "Conflict"),
            (404, "NoSuchKey", "Final(Missing"),
            (404, "", "Final(Missing"),
            (416, "InvalidRange", "Final(Missing"),
            (404, "NoSuchBucket", "Final(Unusable"),
            (403, "RequestTimeTooSkewed", "Final(Unusable"),
            (403, "AccessDenied", "Final(Denied"),
            (403, "InvalidAccessKeyId", "Final(Denied"),
            (403, "SignatureDoesNotMatch", "Final(Denied"),
            (507, "", "Final(Full"),
            (301, "PermanentRedirect", "Final(Unusable"),
            (400, "InvalidArgument", "Final(Unusable"),
        ] {
            let fault = format!("{:?}", judge_answer(ASKED, status, code, ""));
            assert!(fault.starts_with(expected), "{status} {code}: {fault}");
        }
    }

    #[test]
    fn a_servers_words_stay_on_one_line() {
        let fault = judge_answer(ASKED, 400, "Bad\nCode", &"x\u{1b}[31m".repeat(500));
        let message = fault.into_error(ASKED).to_string();
        assert!(!message.chars().any(char::is_control) && message.len() < 400, "{message}");
    }
}
