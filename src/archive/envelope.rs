//! Signed envelopes (DSSE, the Dead Simple Signing Envelope) and the Ed25519 keys that sign them.
//!
//! An envelope is JSON: `{"payloadType","payload","signatures":[{"keyid","sig"}]}` with base64 payload and signature.
//! What is signed is DSSE's pre-authentication encoding, so a payload can never be taken for one of another type.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::digest::Sha256;

/// Payload types, one per kind of signed record.
pub mod payload_type {
    /// `kura/<n>.json`.
    pub const REPOSITORY: &str = "application/vnd.kura.repository+json";
    /// `keys/signing-<n>.json`.
    pub const SIGNING_KEYS: &str = "application/vnd.kura.signing-keys+json";
    /// `keys/recovery-<n>.json`.
    pub const RECOVERY_KEYS: &str = "application/vnd.kura.recovery-keys+json";
    /// `<plan>/<cohort>/key-<n>.json`.
    pub const COHORT_KEY: &str = "application/vnd.kura.cohort-key+json";
    /// `<plan>/<cohort>/index/<sha256>`.
    pub const INDEX: &str = "application/vnd.kura.index";
    /// `<plan>/snapshots/<sequence>-<sha256>`.
    pub const SNAPSHOT: &str = "application/vnd.kura.snapshot+json";
    /// `audit/<sequence>-<sha256>`.
    pub const AUDIT_HEAD: &str = "application/vnd.kura.audit-head+json";
    /// `certificates/<number>.intent.json`.
    pub const INTENT: &str = "application/vnd.kura.intent+json";
    /// `certificates/<number>.json`.
    pub const CERTIFICATE: &str = "application/vnd.kura.certificate+json";
    /// `<plan>/erasures/<number>`.
    pub const ERASURE: &str = "application/vnd.kura.erasure+json";
    /// `audit/drills/<number>.json`.
    pub const DRILL: &str = "application/vnd.kura.drill+json";
    /// `audit/statements/<number>.json`.
    pub const STATEMENT: &str = "application/vnd.kura.statement+json";
    /// `audit/coverage/<number>.json`.
    pub const COVERAGE: &str = "application/vnd.kura.coverage+json";
    /// `<plan>/holds/<number>`.
    pub const HOLD: &str = "application/vnd.kura.hold+json";
}

/// Why an envelope was refused.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The bytes are not an envelope.
    #[error("not a signed envelope")]
    NotAnEnvelope(#[source] serde_json::Error),
    /// The envelope holds another kind of record.
    #[error("the envelope holds {found}, not {wanted}")]
    WrongType {
        /// The type asked for.
        wanted: &'static str,
        /// The type found.
        found: String,
    },
    /// No key that is trusted here made a valid signature over it.
    #[error("no trusted key signed it")]
    NotSigned,
    /// The payload is not base64.
    #[error("the payload is not base64")]
    BadPayload,
    /// A key file does not hold an Ed25519 key.
    #[error("not an Ed25519 key in PKCS#8 PEM: {0}")]
    BadKey(&'static str),
}

/// An Ed25519 public key: 32 bytes, written as base64.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// `sha256:` and the SHA-256 of the raw key in hexadecimal: what a `# kura-root:` comment and the recovery sheet show.
    pub fn fingerprint(&self) -> String {
        format!("sha256:{}", Sha256::of(&self.0))
    }

    /// The first 16 hexadecimal digits of the fingerprint, used as `keyid`.
    pub fn id(&self) -> String {
        Sha256::of(&self.0).to_string().chars().take(16).collect()
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = EnvelopeError;
    fn try_from(text: String) -> Result<Self, EnvelopeError> {
        let bytes = STANDARD.decode(text).map_err(|_| EnvelopeError::BadKey("public key is not base64"))?;
        let bytes = bytes.try_into().map_err(|_| EnvelopeError::BadKey("public key is not 32 bytes"))?;
        Ok(Self(bytes))
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        STANDARD.encode(key.0)
    }
}

/// An Ed25519 key pair that signs envelopes: the host's, or the offline root key.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// Makes a new key and its PKCS#8 PEM text (a secret).
    pub fn generate() -> Result<(Self, String), EnvelopeError> {
        let rng = aws_lc_rs::rand::SystemRandom::new();
        let document =
            Ed25519KeyPair::generate_pkcs8(&rng).map_err(|_| EnvelopeError::BadKey("cannot generate"))?;
        let text = pem::encode(&pem::Pem::new("PRIVATE KEY", document.as_ref()));
        Ok((Self::from_pem(&text)?, text))
    }

    /// Reads a key from its PKCS#8 PEM text.
    pub fn from_pem(text: &str) -> Result<Self, EnvelopeError> {
        let parsed = pem::parse(text).map_err(|_| EnvelopeError::BadKey("no PEM text"))?;
        let pair = Ed25519KeyPair::from_pkcs8(parsed.contents())
            .map_err(|_| EnvelopeError::BadKey("PEM holds another kind of key"))?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| EnvelopeError::BadKey("length"))?;
        Ok(Self { pair, public: PublicKey(public) })
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Wraps and signs a payload.
    pub fn sign(&self, payload_type: &'static str, payload: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(&pre_authentication(payload_type, payload));
        let envelope = Envelope {
            payload_type: payload_type.to_owned(),
            payload: STANDARD.encode(payload),
            signatures: vec![Signature { keyid: self.public.id(), sig: STANDARD.encode(signature.as_ref()) }],
        };
        serde_json::to_vec(&envelope).unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    #[serde(rename = "payloadType")]
    payload_type: String,
    payload: String,
    signatures: Vec<Signature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    keyid: String,
    sig: String,
}

/// An envelope whose signature has been checked.
#[derive(Debug)]
pub struct Verified {
    /// The payload's bytes.
    pub payload: Vec<u8>,
    /// The key that signed.
    pub signer: PublicKey,
}

/// Opens an envelope that must hold `wanted` and be signed by one of `trusted`.
pub fn open(bytes: &[u8], wanted: &'static str, trusted: &[PublicKey]) -> Result<Verified, EnvelopeError> {
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(EnvelopeError::NotAnEnvelope)?;
    if envelope.payload_type != wanted {
        return Err(EnvelopeError::WrongType { wanted, found: envelope.payload_type });
    }
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| EnvelopeError::BadPayload)?;
    let message = pre_authentication(wanted, &payload);
    for signature in envelope.signatures.iter().take(8) {
        let Ok(sig) = STANDARD.decode(&signature.sig) else { continue };
        if let Some(key) = trusted.iter().find(|key| key.verifies(&message, &sig)) {
            return Ok(Verified { payload, signer: key.clone() });
        }
    }
    Err(EnvelopeError::NotSigned)
}

/// Reads a payload without checking who signed it: only to learn which key claims to have signed.
pub fn peek(bytes: &[u8], wanted: &'static str) -> Result<Vec<u8>, EnvelopeError> {
    let envelope: Envelope = serde_json::from_slice(bytes).map_err(EnvelopeError::NotAnEnvelope)?;
    if envelope.payload_type != wanted {
        return Err(EnvelopeError::WrongType { wanted, found: envelope.payload_type });
    }
    STANDARD.decode(&envelope.payload).map_err(|_| EnvelopeError::BadPayload)
}

/// DSSE v1: `DSSEv1 <len type> <type> <len payload> <payload>`.
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_opens_only_for_its_type_and_signer() {
        let (key, pem) = SigningKey::generate().unwrap();
        let (other, _) = SigningKey::generate().unwrap();
        let again = SigningKey::from_pem(&pem).unwrap();
        assert_eq!(again.public(), key.public());
        let signed = key.sign(payload_type::SNAPSHOT, b"hello");
        let trusted = [key.public().clone()];
        assert_eq!(open(&signed, payload_type::SNAPSHOT, &trusted).unwrap().payload, b"hello");
        assert!(matches!(open(&signed, payload_type::INDEX, &trusted), Err(EnvelopeError::WrongType { .. })));
        assert!(matches!(
            open(&signed, payload_type::SNAPSHOT, &[other.public().clone()]),
            Err(EnvelopeError::NotSigned)
        ));
    }

    #[test]
    fn every_flipped_bit_of_a_payload_is_noticed() {
        let (key, _) = SigningKey::generate().unwrap();
        let signed = key.sign(payload_type::SNAPSHOT, b"some payload");
        for index in 0..signed.len() {
            let mut bad = signed.clone();
            bad[index] ^= 1;
            if let Ok(verified) = open(&bad, payload_type::SNAPSHOT, &[key.public().clone()]) {
                assert_eq!(verified.payload, b"some payload", "byte {index}");
            }
        }
    }
}
