//! Password hashes: Argon2id, written in the PHC form, which names its own parameters.

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};

use crate::clock::random_bytes;

/// Memory of one hash, KiB: what OWASP's sheet asks for with two passes.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over the memory.
const PASSES: u32 = 2;

/// A hash could not be made: the machine has no memory for it.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub struct HashError(String);

impl HashError {
    /// The thread that hashed was stopped.
    pub fn stopped() -> Self {
        Self("its thread was stopped".to_owned())
    }
}

fn hasher() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|error| HashError(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password with a salt of its own.
pub fn hash(password: &str) -> Result<String, HashError> {
    let mut salt = [0_u8; 16];
    random_bytes(&mut salt);
    let hash = hasher()?.hash_password_with_salt(password.as_bytes(), &salt);
    Ok(hash.map_err(|error| HashError(error.to_string()))?.to_string())
}

/// Whether a password is the one that was hashed. The comparison takes the same time whatever differs.
pub fn is_right(password: &str, hash: &str) -> bool {
    hasher().is_ok_and(|hasher| hasher.verify_password(password.as_bytes(), hash).is_ok())
}

/// Spends the time of one check, for an account that does not exist: an answer must not tell by its speed.
pub fn spend_the_same_time(password: &str) {
    drop(hash(password));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_knows_its_password_and_no_other() {
        let hash = hash("k7#mQ2v!k7#mQ").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_right("k7#mQ2v!k7#mQ", &hash));
        assert!(!is_right("k7#mQ2v!k7#mq", &hash) && !is_right("", &hash) && !is_right("x", "no hash"));
    }

    #[test]
    fn the_same_password_never_has_the_same_hash() {
        assert_ne!(hash("a").unwrap(), hash("a").unwrap());
    }
}
