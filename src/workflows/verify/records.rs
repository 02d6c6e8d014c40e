//! The few objects without which nothing opens: who may speak for the repository, and its secrets, sealed.

use std::collections::{BTreeMap, BTreeSet};

use crate::archive::envelope::{self, payload_type};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::seal::{self, SealError};
use crate::workflows::causes::with_causes;

use super::{Problem, Report, Viewer};

/// No such object is longer, bytes.
const RECORD_BYTES_MAX: u64 = 1 << 20;

/// What each kind is called when all of its objects are gone.
const KINDS: [&str; 4] =
    ["kura/<n>.json", "keys/signing-<n>.json", "keys/recovery-<n>.json", "keys/catalog-<n>.age"];

/// Checks every object below `kura/` and `keys/`, and that there is one of each kind.
pub(super) async fn check_records(viewer: &Viewer, stored: &BTreeMap<String, u64>, report: &mut Report) {
    let mut found = BTreeSet::new();
    for key in stored.keys() {
        let (kind, signed_as) = match layout::parse(key) {
            Some(ObjectKind::Repository(_)) => (0, Some(payload_type::REPOSITORY)),
            Some(ObjectKind::SigningKeys(_)) => (1, Some(payload_type::SIGNING_KEYS)),
            Some(ObjectKind::RecoveryKeys(_)) => (2, Some(payload_type::RECOVERY_KEYS)),
            Some(ObjectKind::CatalogKey(_)) => (3, None),
            Some(_) | None => continue,
        };
        match check_record(viewer, key, signed_as).await {
            Ok(Is::Right) => {
                found.insert(kind);
            }
            Ok(Is::ForOtherKeys) => {}
            Err(what) => report.problems.push(problem(key.clone(), what)),
        }
    }
    for (kind, name) in (0..).zip(KINDS) {
        if !found.contains(&kind) {
            let what = "there is none that is right: without it nothing can be restored".to_owned();
            report.problems.push(problem(name.to_owned(), what));
        }
    }
}

/// What a record turned out to be.
enum Is {
    Right,
    /// Sealed to recovery keys of another set: this one cannot say whether it is right.
    ForOtherKeys,
}

async fn check_record(viewer: &Viewer, key: &str, signed_as: Option<&'static str>) -> Result<Is, String> {
    let bytes = viewer.vault.get(key, None).await.map_err(|e| with_causes(&e))?;
    if let Some(payload_type) = signed_as {
        let root = [viewer.trust.repository.root.clone()];
        return envelope::open(&bytes, payload_type, &root).map(|_| Is::Right).map_err(|e| with_causes(&e));
    }
    if let Some(opened) = &viewer.opened {
        return match seal::open(&bytes, &opened.keys, RECORD_BYTES_MAX) {
            Ok(_) => Ok(Is::Right),
            Err(SealError::NoKeyOpens) => Ok(Is::ForOtherKeys),
            Err(error) => Err(with_causes(&error)),
        };
    }
    match &viewer.sealed_catalog {
        Some(copy) if *key == layout::catalog_key(1) && *copy != bytes => {
            Err("its bytes are not those that this host keeps a copy of".to_owned())
        }
        Some(_) | None => seal::check_header(&bytes).map(|()| Is::Right).map_err(|e| with_causes(&e)),
    }
}

fn problem(object: String, what: String) -> Problem {
    Problem { object, what, snapshots: Vec::new(), files: 0 }
}
