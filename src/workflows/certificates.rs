//! Certificates of deletion (消去証明書) as people show and check them: a bundle that needs nothing but the root key's
//! fingerprint, which stands on the printed recovery sheet.

use serde::{Deserialize, Serialize};

use crate::archive::digest::Sha256;
use crate::archive::envelope::{self, PublicKey, payload_type};
use crate::archive::layout;
use crate::archive::records::{RecoveryKeys, Repository, SigningKeys};
use crate::config;

use super::evidence::open_certificate;
use super::host::{Host, HostError, files};
use super::repository::{RepositoryError, Trust, decode};

pub use crate::archive::evidence::{
    AuditPosition, Authority, Certificate, ClockReading, ClockRecord, ClockWord, CopyDeleted, DeletedCohort,
    DeletedSnapshot, NotDeleted, Rule,
};
pub use crate::catalog::CertificateRow;

/// What the first field of a bundle says.
const KIND: &str = "certificate bundle 1";

/// A certificate with the signed records that say whose signature counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Always `certificate bundle 1`.
    pub kura: String,
    /// The signed certificate, as it is in the store.
    pub certificate: String,
    /// `kura/<n>.json`, signed by the root key.
    pub repository: String,
    /// `keys/signing-<n>.json`, signed by the root key.
    pub signing: String,
}

/// The bundle of a recorded certificate.
pub fn bundle(host: &Host, row: &CertificateRow) -> Result<Bundle, HostError> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let file = |name: &str| config::read_file(&host.home.key_file(name));
    Ok(Bundle {
        kura: KIND.to_owned(),
        certificate: text(&row.envelope),
        repository: text(&file(files::REPOSITORY)?),
        signing: text(&file(files::SIGNERS)?),
    })
}

/// What a recorded certificate says, checked.
pub fn read(host: &Host, row: &CertificateRow) -> Result<Certificate, RepositoryError> {
    open_certificate(&layout::certificate(row.number), &row.envelope, &host.trust, row.number)
}

/// A certificate that was checked by itself.
#[derive(Clone, Debug)]
pub struct Checked {
    /// SHA-256 of the envelope.
    pub digest: Sha256,
    /// What it says.
    pub certificate: Certificate,
}

/// Checks a bundle against the root key's fingerprint (`sha256:…`). Needs no store and no home.
pub fn check(name: &str, bytes: &[u8], root: &str) -> Result<Checked, RepositoryError> {
    let wrong = |problem: &str| RepositoryError::wrong(name, problem);
    let bundle: Bundle = decode(name, bytes)?;
    if bundle.kura != KIND {
        return Err(wrong("it is no bundle of a certificate"));
    }
    let record = |part: &str| {
        let key = format!("{name}: {part}");
        move |source| RepositoryError::Record { key, source }
    };
    let claimed = envelope::peek(bundle.repository.as_bytes(), payload_type::REPOSITORY);
    let repository: Repository = decode(name, &claimed.map_err(record("repository"))?)?;
    let found = repository.root.fingerprint();
    if found != root {
        return Err(RepositoryError::OtherRoot { expected: root.to_owned(), found });
    }
    let trusted = [repository.root.clone()];
    let signed = envelope::open(bundle.repository.as_bytes(), payload_type::REPOSITORY, &trusted)
        .map_err(record("repository"))?;
    check_key_id(name, &bundle.repository, &signed.signer)?;
    let signing = envelope::open(bundle.signing.as_bytes(), payload_type::SIGNING_KEYS, &trusted)
        .map_err(record("signing"))?;
    check_key_id(name, &bundle.signing, &signing.signer)?;
    let signers: SigningKeys = decode(name, &signing.payload)?;
    if signers.repository != repository.repository {
        return Err(wrong("its host keys are those of another repository"));
    }
    let recovery = RecoveryKeys {
        repository: repository.repository.clone(),
        set: 0,
        recipients: Vec::new(),
        signed_at: None,
        known: Vec::new(),
    };
    let trust = Trust { repository, signers, recovery, perpetual: Vec::new() };
    let envelope = bundle.certificate.as_bytes();
    let opened = envelope::open(envelope, payload_type::CERTIFICATE, &trust.host_keys())
        .map_err(record("certificate"))?;
    check_key_id(name, &bundle.certificate, &opened.signer)?;
    let claimed: Certificate = decode(name, &opened.payload)?;
    let certificate = open_certificate(name, envelope, &trust, claimed.number)?;
    Ok(Checked { digest: Sha256::of(envelope), certificate })
}

/// The key id is a hint that is not signed; in evidence nothing may differ.
fn check_key_id(name: &str, envelope: &str, signer: &PublicKey) -> Result<(), RepositoryError> {
    if envelope.contains(&format!("\"keyid\":\"{}\"", signer.id())) {
        return Ok(());
    }
    Err(RepositoryError::wrong(name, "a signature names another key than the one that made it"))
}

/// Checks that certificates follow each other; gives what is wrong between them.
pub fn check_links(checked: &mut [Checked]) -> Vec<String> {
    checked.sort_by_key(|one| one.certificate.number);
    let mut problems = Vec::new();
    for pair in checked.windows(2) {
        let [before, after] = pair else { continue };
        let (last, number) = (before.certificate.number, after.certificate.number);
        if before.certificate.repository != after.certificate.repository {
            problems.push(format!("certificates {last} and {number} are of different repositories"));
        } else if number == last && before.digest != after.digest {
            problems.push(format!("there are two different certificates {number}"));
        } else if number > last.saturating_add(1) {
            problems.push(format!("certificate {} is missing", last.saturating_add(1)));
        } else if number != last && after.certificate.previous != Some(before.digest) {
            problems
                .push(format!("certificate {number} does not follow certificate {last}: one was replaced"));
        }
    }
    problems
}
