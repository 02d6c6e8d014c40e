//! Whom a reader trusts, and how records are opened.
//!
//! The root key signs which host keys and recovery keys count. A reader knows the root key's fingerprint from its
//! identity file or from the command line, and refuses a repository that another root key speaks for.

use std::sync::Arc;

use crate::archive::compress::{self, CompressError};
use crate::archive::digest::Hashing;
use crate::archive::envelope::{self, EnvelopeError, PublicKey, payload_type};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::{CatalogSecrets, FORMAT, RecoveryKeys, Repository, SigningKeys};
use crate::archive::seal::{self, Identity, Keys, SealError};
use crate::vault::{Vault, VaultError};

/// Small records are never longer than this, bytes.
const RECORD_BYTES_MAX: u64 = 64 << 20;

/// Why a repository or one of its records was refused.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The store failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// There is no repository at the address.
    #[error(
        "there is no Kura repository at {0}: nothing is stored under kura/. Check the address, or make one with `kura init`"
    )]
    None(String),
    /// It was written by a newer program.
    #[error("the repository has format {found}; this program reads format {FORMAT}. Install a newer Kura")]
    NewerFormat {
        /// Its format.
        found: u32,
    },
    /// It is not known who may speak for this repository.
    #[error(
        "nothing says which root key to trust: the identity file has no `# kura-root:` line. Give it with \
         --root FINGERPRINT (it stands on the recovery sheet), or use --trust-on-first-use"
    )]
    NoRoot,
    /// Another root key speaks for this repository.
    #[error(
        "the repository belongs to root key {found}, not to {expected}: this is not the repository the identity was made for"
    )]
    OtherRoot {
        /// The fingerprint asked for.
        expected: String,
        /// The fingerprint found.
        found: String,
    },
    /// A record is not signed as it must be, or does not decode.
    #[error("{key} is not to be trusted")]
    Record {
        /// The object.
        key: String,
        /// What is wrong with it.
        #[source]
        source: EnvelopeError,
    },
    /// A record decodes but contradicts what it must say.
    #[error("{key} is wrong: {problem}")]
    Contradiction {
        /// The object.
        key: String,
        /// What is wrong.
        problem: String,
    },
    /// A snapshot lists only what differs from its base, and the base cannot be used.
    #[error("{key} lists only what differs from {base}, and that cannot be used")]
    Base {
        /// The snapshot.
        key: String,
        /// Its base.
        base: String,
        /// What is wrong with the base.
        #[source]
        source: Box<RepositoryError>,
    },
    /// A sealed object does not open.
    #[error("{key} does not open")]
    Sealed {
        /// The object.
        key: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// A sealed object does not decompress.
    #[error("{key} does not decompress")]
    Compressed {
        /// The object.
        key: String,
        /// Why.
        #[source]
        source: CompressError,
    },
    /// The identity is none of the repository's recovery keys.
    #[error("the identity opens none of the repository's keys: it is not one of its recovery keys")]
    WrongIdentity,
}

impl RepositoryError {
    /// Whether the object itself is at fault: it is not there, or not what it must be.
    ///
    /// The store's own failures are not the object's fault: trying again may help.
    pub const fn is_of_object(&self) -> bool {
        match self {
            Self::Vault(error) => matches!(error, VaultError::Missing { .. }),
            _ => true,
        }
    }

    pub(super) fn wrong(key: &str, problem: impl Into<String>) -> Self {
        Self::Contradiction { key: key.to_owned(), problem: problem.into() }
    }
}

/// Which root key a reader accepts.
#[derive(Clone, Debug)]
pub enum RootPolicy {
    /// The one with this fingerprint (`sha256:…`).
    Fingerprint(String),
    /// Whichever the repository names; the caller shows it.
    FirstUse,
}

/// A repository whose signatures have been checked down to the host keys.
#[derive(Clone)]
pub struct Trust {
    /// The repository record.
    pub repository: Repository,
    /// Host keys that count.
    pub signers: SigningKeys,
    /// The recovery keys in force.
    pub recovery: RecoveryKeys,
    /// Keys of the `kura/` and `keys/` objects, for the next number to write.
    pub perpetual: Vec<ObjectKind>,
}

impl Trust {
    /// Whether a host's key counted at an instant.
    pub fn counted(&self, key: &PublicKey, at: &str) -> bool {
        let instant = |text: &str| text.parse::<jiff::Timestamp>().ok();
        self.signers.keys.iter().any(|host| {
            let until = host.valid_until.as_deref().map(instant);
            host.key == *key
                && instant(&host.valid_from) <= instant(at)
                && until.is_none_or(|until| until.is_some() && instant(at) <= until)
        })
    }

    /// The public keys of all hosts that ever counted.
    pub fn host_keys(&self) -> Vec<PublicKey> {
        self.signers.keys.iter().map(|host| host.key.clone()).collect()
    }
}

/// Reads and checks `kura/` and `keys/`.
pub async fn load_trust(vault: &dyn Vault, root: &RootPolicy) -> Result<Trust, RepositoryError> {
    let (kura, keys) = tokio::join!(vault.list("kura/"), vault.list("keys/"));
    let perpetual: Vec<ObjectKind> =
        kura?.iter().chain(&keys?).filter_map(|listed| layout::parse(&listed.key)).collect();
    let mut numbers: Vec<u32> = perpetual
        .iter()
        .filter_map(|kind| if let ObjectKind::Repository(n) = kind { Some(*n) } else { None })
        .collect();
    numbers.sort_unstable();
    let mut problem = RepositoryError::None(vault.address());
    let mut found = None;
    for number in numbers.into_iter().rev() {
        let key = layout::repository(number);
        match check_repository(&key, &vault.get(&key, None).await?, root) {
            Ok(repository) => {
                found = Some(repository);
                break;
            }
            Err(e @ RepositoryError::NewerFormat { .. }) => return Err(e),
            Err(e) => problem = e,
        }
    }
    let Some(claimed) = found else { return Err(problem) };
    let trusted = [claimed.root.clone()];
    let signers = newest_of(vault, &perpetual, &trusted, &claimed, &SIGNING).await?;
    let recovery = newest_of(vault, &perpetual, &trusted, &claimed, &RECOVERY).await?;
    Ok(Trust { repository: claimed, signers, recovery, perpetual })
}

/// A repository record that the expected root key signed.
fn check_repository(key: &str, bytes: &[u8], root: &RootPolicy) -> Result<Repository, RepositoryError> {
    /// What every version of the format has.
    #[derive(serde::Deserialize)]
    struct Claim {
        format: u32,
        root: PublicKey,
    }
    let record = |source| RepositoryError::Record { key: key.to_owned(), source };
    let claim: Claim = decode(key, &envelope::peek(bytes, payload_type::REPOSITORY).map_err(record)?)?;
    let found = claim.root.fingerprint();
    if let RootPolicy::Fingerprint(expected) = root
        && *expected != found
    {
        return Err(RepositoryError::OtherRoot { expected: expected.clone(), found });
    }
    let verified = envelope::open(bytes, payload_type::REPOSITORY, &[claim.root])
        .map_err(|source| RepositoryError::Record { key: key.to_owned(), source })?;
    if claim.format != FORMAT {
        return Err(RepositoryError::NewerFormat { found: claim.format });
    }
    decode(key, &verified.payload)
}

/// How to find the newest record of a kind.
struct Numbered<T> {
    number: fn(&ObjectKind) -> Option<u32>,
    key: fn(u32) -> String,
    payload_type: &'static str,
    version: fn(&T) -> u32,
    repository: fn(&T) -> &str,
    name: &'static str,
}

const SIGNING: Numbered<SigningKeys> = Numbered {
    number: |kind| if let ObjectKind::SigningKeys(n) = kind { Some(*n) } else { None },
    key: layout::signing_keys,
    payload_type: payload_type::SIGNING_KEYS,
    version: |record| record.version,
    repository: |record| &record.repository,
    name: "keys/signing-<n>.json",
};

const RECOVERY: Numbered<RecoveryKeys> = Numbered {
    number: |kind| if let ObjectKind::RecoveryKeys(n) = kind { Some(*n) } else { None },
    key: layout::recovery_keys,
    payload_type: payload_type::RECOVERY_KEYS,
    version: |record| record.set,
    repository: |record| &record.repository,
    name: "keys/recovery-<n>.json",
};

/// The record of the highest version that the root key signed. Numbers only order the objects; versions are signed.
async fn newest_of<T: serde::de::DeserializeOwned>(
    vault: &dyn Vault,
    objects: &[ObjectKind],
    root: &[PublicKey],
    repository: &Repository,
    kind: &Numbered<T>,
) -> Result<T, RepositoryError> {
    let mut best: Option<T> = None;
    let mut problem = RepositoryError::wrong(kind.name, "no such object");
    for number in objects.iter().filter_map(kind.number) {
        let key = (kind.key)(number);
        let bytes = vault.get(&key, None).await?;
        match envelope::open(&bytes, kind.payload_type, root) {
            Ok(verified) => {
                let record: T = decode(&key, &verified.payload)?;
                if (kind.repository)(&record) != repository.repository {
                    problem = RepositoryError::wrong(&key, "it is for another repository");
                } else if best.as_ref().is_none_or(|best| (kind.version)(&record) > (kind.version)(best)) {
                    best = Some(record);
                }
            }
            Err(source) => problem = RepositoryError::Record { key, source },
        }
    }
    best.ok_or(problem)
}

/// Decodes a JSON record.
pub(super) fn decode<T: serde::de::DeserializeOwned>(
    key: &str,
    payload: &[u8],
) -> Result<T, RepositoryError> {
    serde_json::from_slice(payload)
        .map_err(|e| RepositoryError::wrong(key, format!("it does not decode: {e}")))
}

/// The secrets of a repository, as a host or a recovery key holds them.
pub struct Secrets {
    /// Opens index objects and snapshots.
    pub catalog: Keys,
    /// The catalog identity itself, for a host that is rebuilt.
    pub record: CatalogSecrets,
    /// Chunk ids and path digests.
    pub hashing: Hashing,
    /// The seed of the gear table.
    pub gear_seed: [u8; 32],
}

impl Secrets {
    /// Checks the secrets against the signed repository record.
    pub fn check(
        record: CatalogSecrets,
        repository: &Repository,
        key: &str,
    ) -> Result<Self, RepositoryError> {
        let wrong = |problem: &str| RepositoryError::wrong(key, problem);
        let identity =
            Identity::from_secret(&record.catalog_identity).map_err(|_| wrong("no identity in it"))?;
        if identity.recipient().to_string() != repository.catalog
            || record.repository != repository.repository
        {
            return Err(wrong("it is not this repository's catalog key"));
        }
        let bytes32 = |text: &str| -> Result<[u8; 32], RepositoryError> {
            let mut out = [0_u8; 32];
            hex::decode_to_slice(text, &mut out)
                .map_err(|_| wrong("a key in it is not 64 hexadecimal digits"))?;
            Ok(out)
        };
        let (chunk_key, gear_seed) = (bytes32(&record.chunk_key)?, bytes32(&record.gear_seed)?);
        Ok(Self { catalog: identity.into(), record, hashing: Hashing::new(&chunk_key), gear_seed })
    }
}

/// A repository opened with a recovery key.
pub struct Opened {
    /// The store.
    pub vault: Arc<dyn Vault>,
    /// Who counts.
    pub trust: Trust,
    /// The repository's secrets.
    pub secrets: Secrets,
    /// The recovery key.
    pub keys: Keys,
}

/// Opens a repository with a recovery key: no catalog, no configuration.
pub async fn open(vault: Arc<dyn Vault>, keys: Keys, root: &RootPolicy) -> Result<Opened, RepositoryError> {
    let trust = load_trust(&*vault, root).await?;
    let mut numbers: Vec<u32> = trust
        .perpetual
        .iter()
        .filter_map(|kind| if let ObjectKind::CatalogKey(n) = kind { Some(*n) } else { None })
        .collect();
    numbers.sort_unstable();
    let mut problem = RepositoryError::wrong("keys/catalog-<n>.age", "no such object");
    for number in numbers.into_iter().rev() {
        let key = layout::catalog_key(number);
        let sealed = vault.get(&key, None).await?;
        match seal::open(&sealed, &keys, RECORD_BYTES_MAX) {
            Ok(plain) => {
                match decode(&key, &plain).and_then(|r| Secrets::check(r, &trust.repository, &key)) {
                    Ok(secrets) => return Ok(Opened { vault, trust, secrets, keys }),
                    Err(e) => problem = e,
                }
            }
            Err(SealError::NoKeyOpens) => problem = RepositoryError::WrongIdentity,
            Err(source) => problem = RepositoryError::Sealed { key, source },
        }
    }
    Err(problem)
}

/// Opens a sealed, compressed, signed object: `age` then zstd then DSSE.
pub fn open_signed(
    key: &str,
    sealed: &[u8],
    keys: &Keys,
    payload_type: &'static str,
    signers: &[PublicKey],
) -> Result<envelope::Verified, RepositoryError> {
    let limit = usize::try_from(RECORD_BYTES_MAX).unwrap_or(usize::MAX);
    let compressed = seal::open(sealed, keys, RECORD_BYTES_MAX)
        .map_err(|source| RepositoryError::Sealed { key: key.to_owned(), source })?;
    let signed = compress::decompress(&compressed, limit * 4)
        .map_err(|source| RepositoryError::Compressed { key: key.to_owned(), source })?;
    envelope::open(&signed, payload_type, signers)
        .map_err(|source| RepositoryError::Record { key: key.to_owned(), source })
}
