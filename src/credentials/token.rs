//! API tokens: `kura_<id>_<secret>`. The id finds the row, the secret is kept as its SHA-256 only.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use zeroize::Zeroizing;

use crate::archive::digest::Sha256;
use crate::clock::random_bytes;

/// A token that was made; the text is shown once.
pub struct NewToken {
    /// 16 hexadecimal digits.
    pub id: String,
    /// The whole token.
    pub text: Zeroizing<String>,
    /// What is kept of it.
    pub digest: Sha256,
}

/// Makes a token of 256 random bits.
pub fn new_token() -> NewToken {
    let mut id = [0_u8; 8];
    let mut secret = Zeroizing::new([0_u8; 32]);
    random_bytes(&mut id);
    random_bytes(&mut *secret);
    let id = hex::encode(id);
    let secret = Zeroizing::new(hex::encode(*secret));
    let text = Zeroizing::new(format!("kura_{id}_{}", *secret));
    NewToken { digest: digest_of(&secret), id, text }
}

fn digest_of(secret: &str) -> Sha256 {
    // 256 random bits need no slow hash: nobody can try them all.
    Sha256::of(format!("kura token 1\n{secret}").as_bytes())
}

/// The id of a token and the digest of its secret; `None` if the text is no token.
pub fn read(text: &str) -> Option<(String, Sha256)> {
    let (id, secret) = text.trim().strip_prefix("kura_")?.split_once('_')?;
    let is_hex = |part: &str, digits| part.len() == digits && part.bytes().all(|b| b.is_ascii_hexdigit());
    (is_hex(id, 16) && is_hex(secret, 64)).then(|| (id.to_owned(), digest_of(secret)))
}

/// Whether two digests agree, in the same time whatever differs.
pub fn agree(a: &Sha256, b: &Sha256) -> bool {
    verify_slices_are_equal(&a.0, &b.0).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_id_and_known_by_its_secret() {
        let token = new_token();
        let (id, digest) = read(&format!(" {}\n", *token.text)).unwrap();
        assert_eq!(id, token.id);
        assert!(agree(&digest, &token.digest) && !agree(&digest, &new_token().digest));
    }

    #[test]
    fn anything_else_is_no_token() {
        let token = new_token();
        let short = token.text.get(..token.text.len() - 1).unwrap();
        for text in ["", "kura_", "kura_1_2", short, "kura_zzzzzzzzzzzzzzzz_00"] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
