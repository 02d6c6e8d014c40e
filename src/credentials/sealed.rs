//! Sealing the secrets of second factors with a key that lies beside the catalog, not in it (AES-256-GCM).

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use crate::clock::random_bytes;

/// Bytes of the key.
pub const KEY_BYTES: usize = 32;

/// The secret cannot be opened: the key is another one, or the row was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the secret does not open with this installation's key")]
pub struct Unsealable;

/// The key of an installation.
pub struct SealingKey(RandomizedNonceKey);

impl SealingKey {
    /// The key of 32 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, Unsealable> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes).map(Self).map_err(|_| Unsealable)
    }

    /// Fresh bytes for a key.
    pub fn new_bytes() -> Zeroizing<[u8; KEY_BYTES]> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        random_bytes(&mut *bytes);
        bytes
    }

    /// Seals a secret for an account; the result opens for that account only.
    pub fn seal(&self, account: &str, secret: &[u8]) -> Result<Vec<u8>, Unsealable> {
        let mut sealed = secret.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(account.as_bytes()), &mut sealed)
            .map_err(|_| Unsealable)?;
        Ok([nonce.as_ref().as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for an account.
    pub fn open(&self, account: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
        let (nonce, rest) = sealed.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut bytes = Zeroizing::new(rest.to_vec());
        let opened = self.0.open_in_place(nonce, Aad::from(account.as_bytes()), &mut bytes);
        let length = opened.map_err(|_| Unsealable)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_account_and_key_only() {
        let key = SealingKey::new(&*SealingKey::new_bytes()).unwrap();
        let sealed = key.seal("tanaka0001", b"secret").unwrap();
        assert_eq!(*key.open("tanaka0001", &sealed).unwrap(), b"secret");
        assert!(key.open("tanaka0002", &sealed).is_err());
        assert!(SealingKey::new(&*SealingKey::new_bytes()).unwrap().open("tanaka0001", &sealed).is_err());
        assert!(key.open("tanaka0001", &sealed[..10]).is_err());
        let mut changed = sealed;
        changed[20] ^= 1;
        assert!(key.open("tanaka0001", &changed).is_err());
    }
}
