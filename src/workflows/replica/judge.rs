//! Which of two copies is the right one: by the digest in its name or in a snapshot, or by the signature inside (K-96).

use std::collections::BTreeMap;

use crate::archive::digest::Sha256;
use crate::archive::envelope::{self, PublicKey, payload_type};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::seal::{self, Keys, SealError};
use crate::workflows::causes::with_causes;
use crate::workflows::cohort_key::check_cohort_key;
use crate::workflows::repository::{Trust, open_signed};

/// The catalog secrets are never longer, bytes.
const SECRETS_BYTES_MAX: u64 = 1 << 20;

/// What bytes are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Is {
    /// They are what Kura wrote.
    Right,
    /// They are not; what is wrong.
    Wrong(String),
    /// Nobody without a recovery key can tell.
    Unknown,
}

/// Knows what objects must be.
pub(super) struct Judge {
    trust: Trust,
    keys: Keys,
    /// The digests of cohort keys that snapshots name.
    named: BTreeMap<String, Sha256>,
    /// The host's copy of the first catalog secrets, sealed.
    sealed_catalog: Option<Vec<u8>>,
}

impl Judge {
    /// Judges by who counts and what the catalog key opens.
    pub(super) fn new(trust: &Trust, keys: &Keys) -> Self {
        Self { trust: trust.clone(), keys: keys.clone(), named: BTreeMap::new(), sealed_catalog: None }
    }

    /// A snapshot says what an object must be.
    pub(super) fn name(&mut self, key: String, digest: Sha256) {
        self.named.insert(key, digest);
    }

    /// The host kept a copy of the first catalog secrets.
    pub(super) fn set_sealed_catalog(&mut self, copy: Option<Vec<u8>>) {
        self.sealed_catalog = copy;
    }

    /// What the bytes of an object are.
    pub(super) fn look(&self, key: &str, bytes: &[u8]) -> Is {
        let Some(kind) = layout::parse(key) else { return Is::Unknown };
        if let Some(expected) = self.named.get(key) {
            return by_digest(bytes, expected);
        }
        let root = || vec![self.trust.repository.root.clone()];
        let hosts = || self.trust.host_keys();
        match kind {
            ObjectKind::Pack(_, _, name)
            | ObjectKind::Index(_, _, name)
            | ObjectKind::Snapshot(_, _, name)
            | ObjectKind::AuditHead(_, name) => by_digest(bytes, &name),
            ObjectKind::CohortKey(plan, cohort, number) => {
                by_result(check_cohort_key(bytes, &self.trust, &plan, &cohort, number))
            }
            ObjectKind::Repository(_) => signed(bytes, payload_type::REPOSITORY, &root()),
            ObjectKind::SigningKeys(_) => signed(bytes, payload_type::SIGNING_KEYS, &root()),
            ObjectKind::RecoveryKeys(_) => signed(bytes, payload_type::RECOVERY_KEYS, &root()),
            ObjectKind::CatalogKey(number) => self.catalog_secrets(number, bytes),
            ObjectKind::Drill(_) => signed(bytes, payload_type::DRILL, &hosts()),
            ObjectKind::Statement(_) => signed(bytes, payload_type::STATEMENT, &hosts()),
            ObjectKind::Coverage(_) => signed(bytes, payload_type::COVERAGE, &hosts()),
            ObjectKind::Intent(_) => signed(bytes, payload_type::INTENT, &hosts()),
            ObjectKind::Certificate(_) => signed(bytes, payload_type::CERTIFICATE, &hosts()),
            ObjectKind::Hold(..) => {
                by_result(open_signed(key, bytes, &self.keys, payload_type::HOLD, &hosts()))
            }
            ObjectKind::Erasure(..) => {
                by_result(open_signed(key, bytes, &self.keys, payload_type::ERASURE, &hosts()))
            }
        }
    }

    /// Those of the first set are sealed to recovery keys alone; later ones to the catalog key too.
    fn catalog_secrets(&self, number: u32, bytes: &[u8]) -> Is {
        if let Some(copy) = self.sealed_catalog.as_ref().filter(|_| number == 1) {
            return if copy == bytes {
                Is::Right
            } else {
                Is::Wrong("it is not this host's copy".to_owned())
            };
        }
        match seal::open(bytes, &self.keys, SECRETS_BYTES_MAX) {
            Ok(_) => Is::Right,
            Err(SealError::NoKeyOpens) => Is::Unknown,
            Err(error) => Is::Wrong(with_causes(&error)),
        }
    }
}

fn by_digest(bytes: &[u8], expected: &Sha256) -> Is {
    if Sha256::of(bytes) == *expected {
        Is::Right
    } else {
        Is::Wrong("its bytes are not those that its name states".to_owned())
    }
}

fn by_result<T>(checked: Result<T, crate::workflows::repository::RepositoryError>) -> Is {
    match checked {
        Ok(_) => Is::Right,
        Err(error) => Is::Wrong(with_causes(&error)),
    }
}

fn signed(bytes: &[u8], kind: &'static str, trusted: &[PublicKey]) -> Is {
    match envelope::open(bytes, kind, trusted) {
        Ok(_) => Is::Right,
        Err(error) => Is::Wrong(with_causes(&error)),
    }
}
