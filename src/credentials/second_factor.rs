//! One-time codes (TOTP, RFC 6238: SHA-1, 6 digits, 30 seconds, as every authenticator knows) and recovery codes.

use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

use crate::archive::digest::Sha256;
use crate::clock::random_bytes;
use crate::domain::time::Instant;

/// Bytes of a secret: the length of SHA-1, as RFC 4226 recommends.
const SECRET_BYTES: usize = 20;
/// How many recovery codes are given.
pub const RECOVERY_CODES: usize = 10;
/// The alphabet of secrets and recovery codes (RFC 4648, base 32).
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret.
pub fn new_secret() -> Zeroizing<Vec<u8>> {
    let mut secret = Zeroizing::new(vec![0; SECRET_BYTES]);
    random_bytes(&mut secret);
    secret
}

/// The secret as people type it into an authenticator.
pub fn base32(secret: &[u8]) -> String {
    let bits = secret.iter().flat_map(|byte| (0..8).rev().map(move |at| (byte >> at) & 1));
    let bits: Vec<u8> = bits.collect();
    let letters = bits.chunks(5).map(|five| {
        let value = (0..5).fold(0, |value, at| (value << 1) | five.get(at).copied().unwrap_or(0));
        char::from(ALPHABET.get(usize::from(value)).copied().unwrap_or(b'A'))
    });
    letters.collect()
}

/// The address that authenticators read from a picture.
pub fn otpauth(secret: &[u8], account: &str) -> String {
    format!("otpauth://totp/Kura:{account}?secret={}&issuer=Kura", base32(secret))
}

/// The time step that a code belongs to: 30 seconds before or after are accepted. `None` if it belongs to none of them.
///
/// The caller refuses a step that is not later than the last one used: a code counts once.
pub fn step_of(secret: &[u8], code: &str, now: Instant) -> Option<u64> {
    let secret = Secret::from(<[u8; SECRET_BYTES]>::try_from(secret).ok()?);
    let totp: Totp = Builder::new().with_secret(secret).with_skew(1).build().ok()?;
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).map(half_width).collect();
    totp.check(&digits, u64::try_from(now.as_seconds()).ok()?)
}

/// Full-width digits are typed by Japanese keyboards: `１` means `1`.
fn half_width(c: char) -> char {
    match c {
        '０'..='９' => {
            let offset = u32::from(c).saturating_sub(u32::from('０'));
            char::from_digit(offset, 10).unwrap_or(c)
        }
        other => other,
    }
}

/// Recovery codes, to be shown once: 80 random bits each, in four groups.
pub fn new_recovery_codes() -> Vec<String> {
    let code = |_| {
        let mut bytes = [0_u8; 10];
        random_bytes(&mut bytes);
        let letters: Vec<char> = base32(&bytes).chars().collect();
        letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
    };
    (0..RECOVERY_CODES).map(code).collect()
}

/// What is kept of a recovery code; small letters, spaces and hyphens do not matter.
pub fn recovery_digest(code: &str) -> Sha256 {
    let plain: String =
        code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    Sha256::of(format!("kura recovery code 1\n{plain}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B (SHA-1), shortened to six digits.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let now = Instant::from_micros(seconds * 1_000_000);
            let step = u64::try_from(seconds / 30).unwrap();
            assert_eq!(step_of(secret, code, now), Some(step));
            assert_eq!(step_of(secret, code, now.plus_minutes(2)), None, "too late");
        }
        let now = Instant::from_micros(59_000_000);
        assert_eq!(step_of(secret, "２８７ ０８２", now), Some(1), "full width");
        assert_eq!(step_of(secret, "287083", now), None);
        assert_eq!(step_of(secret, "", now), None);
    }

    /// RFC 4648, section 10.
    #[test]
    fn secrets_are_written_in_base_32() {
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
        assert_eq!(base32(b"fooba"), "MZXW6YTB");
    }

    #[test]
    fn a_recovery_code_may_be_typed_sloppily() {
        let codes = new_recovery_codes();
        assert_eq!(codes.len(), RECOVERY_CODES);
        let code = &codes[0];
        assert_eq!(code.len(), 19);
        assert_eq!(recovery_digest(code), recovery_digest(&code.to_lowercase().replace('-', " ")));
        assert_ne!(recovery_digest(code), recovery_digest(&codes[1]));
    }
}
