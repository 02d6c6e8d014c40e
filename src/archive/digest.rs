//! Digests, ids and the keyed hashing that makes them.
//!
//! SHA-256 names objects and is evidence; keyed BLAKE3 names chunks and paths, so that names tell nothing without
//! the repository's secrets. Plain BLAKE3 is each file's own hash.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

/// A text is not 64 lower-case hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("not a digest of 64 hexadecimal digits: {0:?}")]
pub struct BadDigest(pub String);

macro_rules! digest_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex::encode(&self.0[..6]))
            }
        }

        impl FromStr for $name {
            type Err = BadDigest;
            fn from_str(text: &str) -> Result<Self, BadDigest> {
                let mut bytes = [0_u8; 32];
                if text.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(BadDigest(text.to_owned()));
                }
                hex::decode_to_slice(text, &mut bytes).map_err(|_| BadDigest(text.to_owned()))?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadDigest;
            fn try_from(text: String) -> Result<Self, BadDigest> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(digest: $name) -> Self {
                digest.to_string()
            }
        }
    };
}

digest_type! {
    /// SHA-256 of an object's bytes: the name of packs, index objects and snapshots.
    Sha256
}
digest_type! {
    /// Keyed BLAKE3 of a chunk's plaintext: what chunks are deduplicated by.
    ChunkId
}

impl Sha256 {
    /// The SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Sha256Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }
}

/// Computes a `Sha256` piece by piece.
pub struct Sha256Hasher(Context);

impl Default for Sha256Hasher {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl Sha256Hasher {
    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of all bytes taken in.
    pub fn finish(self) -> Sha256 {
        let digest = self.0.finish();
        let mut out = [0_u8; 32];
        out.copy_from_slice(digest.as_ref());
        Sha256(out)
    }
}

/// First 16 bytes of the keyed BLAKE3 of a path inside its plan. Tells nothing without the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct PathDigest(pub [u8; 16]);

/// First 16 bytes of the keyed BLAKE3 of a path digest and a file hash: "this content was seen at this path".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SeenDigest(pub [u8; 16]);

/// BLAKE3 of a file's data bytes, or of a link's target.
pub type FileHash = [u8; 32];

/// The keys derived from a repository's chunk-id key.
#[derive(Clone)]
pub struct Hashing {
    chunk: [u8; 32],
    path: [u8; 32],
    seen: [u8; 32],
}

/// BLAKE3 key derivation context of path digests.
pub const PATH_CONTEXT: &str = "kura 2026-11 path digest v1";
/// BLAKE3 key derivation context of first-seen digests.
pub const SEEN_CONTEXT: &str = "kura 2026-11 first-seen digest v1";

impl Hashing {
    /// Derives all keys from the 32-byte chunk-id key.
    pub fn new(chunk_key: &[u8; 32]) -> Self {
        Self {
            chunk: *chunk_key,
            path: blake3::derive_key(PATH_CONTEXT, chunk_key),
            seen: blake3::derive_key(SEEN_CONTEXT, chunk_key),
        }
    }

    /// The id of a chunk of plaintext.
    pub fn chunk(&self, plaintext: &[u8]) -> ChunkId {
        ChunkId(*blake3::keyed_hash(&self.chunk, plaintext).as_bytes())
    }

    /// The digest of a path inside its plan (`<source name>/<path below the source>`).
    pub fn path(&self, path: &[u8]) -> PathDigest {
        PathDigest(first16(blake3::keyed_hash(&self.path, path).as_bytes()))
    }

    /// The digest of one content at one path.
    pub fn seen(&self, path: PathDigest, hash: &FileHash) -> SeenDigest {
        let mut input = [0_u8; 48];
        input[..16].copy_from_slice(&path.0);
        input[16..].copy_from_slice(hash);
        SeenDigest(first16(blake3::keyed_hash(&self.seen, &input).as_bytes()))
    }
}

/// The first 16 bytes of a 32-byte digest.
pub fn first16(digest: &[u8; 32]) -> [u8; 16] {
    let mut out = [0_u8; 16];
    out.copy_from_slice(&digest[..16]);
    out
}
