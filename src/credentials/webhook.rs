//! Signatures of pushed notices: Standard Webhooks (HMAC-SHA-256 over id, time and body).

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::time::Instant;

/// The secret is not one of Standard Webhooks.
#[derive(Debug, thiserror::Error)]
#[error("not a secret of Standard Webhooks: `whsec_` and 24 to 64 bytes in base 64")]
pub struct BadSecret;

/// A secret that a portal shares.
pub struct WebhookSecret(Key);

impl WebhookSecret {
    /// Reads `whsec_…`.
    pub fn read(text: &str) -> Result<Self, BadSecret> {
        let encoded = text.trim().strip_prefix("whsec_").ok_or(BadSecret)?;
        let bytes = zeroize::Zeroizing::new(STANDARD.decode(encoded).map_err(|_| BadSecret)?);
        if !(24..=64).contains(&bytes.len()) {
            return Err(BadSecret);
        }
        Ok(Self(Key::new(HMAC_SHA256, &bytes)))
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, at: Instant, body: &str) -> String {
        let signed = sign(&self.0, format!("{id}.{}.{body}", at.as_seconds()).as_bytes());
        format!("v1,{}", STANDARD.encode(signed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's reference libraries.
    #[test]
    fn a_signature_is_that_of_the_standard() {
        let secret = WebhookSecret::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Instant::from_micros(1_614_265_330_000_000);
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, "{\"test\": 2432232314}");
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn other_secrets_are_refused() {
        for text in ["", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_c2hvcnQ=", "whsec_!!"] {
            assert!(WebhookSecret::read(text).is_err(), "{text}");
        }
    }
}
