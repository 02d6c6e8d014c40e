//! Cookies of the console: reading them, writing them. What they mean is known to `workflows::sessions`.

use axum::http::{HeaderMap, HeaderValue, header};

/// The session cookie where the service is reached by https. The prefix makes browsers refuse it without `Secure`.
const SECURE_NAME: &str = "__Secure-kura-session";
/// The session cookie on plain http, for a first look on one's own machine.
const PLAIN_NAME: &str = "kura-session";
/// The cookie of somebody who is away to the identity provider.
const STATE_NAME: &str = "kura-away";
/// The cookie of the language.
const LANGUAGE_NAME: &str = "kura-lang";
/// How long the language is kept, seconds: a year.
const LANGUAGE_SECONDS: u32 = 31_536_000;
/// The longest cookie that is looked at.
const VALUE_BYTES_MAX: usize = 128;

const fn name(is_secure: bool) -> &'static str {
    if is_secure { SECURE_NAME } else { PLAIN_NAME }
}

fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, value)| *found == name && value.len() <= VALUE_BYTES_MAX).map(|(_, value)| value)
}

/// The secret of the session, if the browser sent one.
pub(super) fn secret(headers: &HeaderMap, is_secure: bool) -> Option<&str> {
    cookie(headers, name(is_secure)).filter(|value| !value.is_empty())
}

/// The language that was chosen before.
pub(super) fn language(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, LANGUAGE_NAME)
}

fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// The header that keeps a session in the browser until it is closed.
pub(super) fn keep(secret: &str, is_secure: bool) -> HeaderValue {
    let flag = if is_secure { "; Secure" } else { "" };
    let mut value =
        header_value(&format!("{}={secret}; Path=/console; HttpOnly; SameSite=Lax{flag}", name(is_secure)));
    value.set_sensitive(true);
    value
}

/// The header that takes the session from the browser.
pub(super) fn forget(is_secure: bool) -> HeaderValue {
    let flag = if is_secure { "; Secure" } else { "" };
    header_value(&format!("{}=; Path=/console; HttpOnly; SameSite=Lax; Max-Age=0{flag}", name(is_secure)))
}

/// The state with which somebody left for the identity provider.
pub(super) fn state(headers: &HeaderMap) -> Option<&str> {
    cookie(headers, STATE_NAME).filter(|value| !value.is_empty())
}

/// The header that keeps that state for ten minutes.
pub(super) fn keep_state(state: &str, is_secure: bool) -> HeaderValue {
    let flag = if is_secure { "; Secure" } else { "" };
    header_value(&format!(
        "{STATE_NAME}={state}; Path=/console/provider; HttpOnly; SameSite=Lax; Max-Age=600{flag}"
    ))
}

/// The header that takes it away.
pub(super) fn forget_state(is_secure: bool) -> HeaderValue {
    let flag = if is_secure { "; Secure" } else { "" };
    header_value(&format!("{STATE_NAME}=; Path=/console/provider; HttpOnly; SameSite=Lax; Max-Age=0{flag}"))
}

/// The header that keeps the language.
pub(super) fn keep_language(word: &'static str, is_secure: bool) -> HeaderValue {
    let flag = if is_secure { "; Secure" } else { "" };
    header_value(&format!(
        "{LANGUAGE_NAME}={word}; Path=/console; Max-Age={LANGUAGE_SECONDS}; HttpOnly; SameSite=Lax{flag}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_of_the_right_name_is_read_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; kura-session=one; kura-lang=en"));
        headers.append(header::COOKIE, HeaderValue::from_static("__Secure-kura-session=two"));
        assert_eq!((secret(&headers, false), secret(&headers, true)), (Some("one"), Some("two")));
        assert_eq!(language(&headers), Some("en"));
    }

    #[test]
    fn a_session_is_out_of_reach_of_scripts_and_other_sites() {
        let text = keep("abc", true).to_str().unwrap().to_owned();
        assert_eq!(text, "__Secure-kura-session=abc; Path=/console; HttpOnly; SameSite=Lax; Secure");
        assert!(!keep("abc", false).to_str().unwrap().contains("Secure"));
    }
}
