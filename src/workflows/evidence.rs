//! Evidence of deletion in the store: certificates and intents, checked one by one and as a chain.
//!
//! An intent is written before the first delete, the certificate after the last. What a certificate names must be gone;
//! what an open intent names may be; what neither names and is not there is lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;

use crate::archive::digest::Sha256;
use crate::archive::envelope::{self, PublicKey, payload_type};
use crate::archive::evidence::{Certificate, DeletedCohort, Intent};
use crate::archive::layout::{self, ObjectKind};
use crate::archive::records::FORMAT;
use crate::archive::wire::to_u64;
use crate::catalog::CertificateRow;
use crate::domain::time::Instant;
use crate::vault::Vault;

use super::causes::with_causes;
use super::repository::{RepositoryError, Trust, decode};

/// Fetches at once.
const FETCHES_MAX: usize = 16;

/// A certificate as it is in the store.
#[derive(Clone, Debug)]
pub struct Certified {
    /// SHA-256 of the envelope.
    pub digest: Sha256,
    /// The envelope.
    pub envelope: Vec<u8>,
    /// What it says.
    pub certificate: Certificate,
}

/// An intent whose certificate is not there yet.
#[derive(Clone, Debug)]
pub struct OpenIntent {
    /// SHA-256 of the envelope.
    pub digest: Sha256,
    /// What it says.
    pub intent: Intent,
}

/// What the store says about deletions.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// Certificates by number.
    pub certificates: BTreeMap<u64, Certified>,
    /// Intents without a certificate, by number.
    pub open: BTreeMap<u64, OpenIntent>,
    /// What is wrong: the object, and what is wrong with it.
    pub problems: Vec<(String, String)>,
}

impl Certified {
    /// As the catalog notes it.
    pub fn row(&self, now: Instant) -> CertificateRow {
        let cohorts = &self.certificate.cohorts;
        let sum = |of: fn(&DeletedCohort) -> u64| cohorts.iter().map(of).fold(0, u64::saturating_add);
        CertificateRow {
            number: self.certificate.number,
            digest: self.digest,
            issued_at: instant(&self.certificate.issued_at).unwrap_or(now),
            cohorts: to_u64(cohorts.len()),
            objects: sum(|cohort| cohort.objects),
            bytes: sum(|cohort| cohort.bytes),
            envelope: self.envelope.clone(),
        }
    }
}

/// How far a cohort's deletion is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// A certificate says that it is gone.
    Certified,
    /// An intent says that it is being deleted.
    Intended,
}

impl Evidence {
    /// Whether the deletion of a cohort is shown by evidence that was written when its time was over.
    pub fn shown(&self, plan: &str, cohort: &str, delete_from: Instant) -> Option<Shown> {
        let names = |deleted: &DeletedCohort| deleted.plan == plan && deleted.cohort == cohort;
        let is_late = |at: &str| instant(at).is_some_and(|at| delete_from <= at);
        let certified = self.certificates.values().map(|found| &found.certificate);
        if certified.into_iter().any(|found| is_late(&found.issued_at) && found.cohorts.iter().any(names)) {
            return Some(Shown::Certified);
        }
        let intended = self.open.values().map(|open| &open.intent);
        let is_intended =
            intended.into_iter().any(|open| is_late(&open.at) && open.cohorts.iter().any(names));
        is_intended.then_some(Shown::Intended)
    }

    /// The number of the next intent.
    pub fn next_number(&self) -> u64 {
        let numbers = self.certificates.keys().chain(self.open.keys());
        numbers.max().map_or(1, |number| number.saturating_add(1))
    }

    /// The digest of the newest certificate.
    pub fn head(&self) -> Option<Sha256> {
        self.certificates.last_key_value().map(|(_, certified)| certified.digest)
    }
}

/// A time as records state it.
pub fn instant(text: &str) -> Option<Instant> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Instant::from_micros(at.as_microsecond()))
}

/// Reads and checks all evidence in the store.
pub async fn load(vault: &Arc<dyn Vault>, trust: &Trust) -> Result<Evidence, RepositoryError> {
    let mut numbers: BTreeMap<u64, (bool, bool)> = BTreeMap::new();
    for listed in vault.list(layout::CERTIFICATES).await? {
        match layout::parse(&listed.key) {
            Some(ObjectKind::Intent(number)) => numbers.entry(number).or_default().0 = true,
            Some(ObjectKind::Certificate(number)) => numbers.entry(number).or_default().1 = true,
            Some(_) | None => {}
        }
    }
    let mut evidence = Evidence::default();
    let mut fetches: JoinSet<Result<Fetched, RepositoryError>> = JoinSet::new();
    for (number, (has_intent, has_certificate)) in numbers {
        if has_certificate && !has_intent {
            let what = "it has no intent: it was not written before the deletion".to_owned();
            evidence.problems.push((layout::certificate(number), what));
        }
        if fetches.len() >= FETCHES_MAX
            && let Some(done) = fetches.join_next().await
        {
            evidence.take(joined(done)?);
        }
        let (vault, trust) = (vault.clone(), trust.clone());
        fetches.spawn(async move { fetch(&*vault, &trust, number, has_certificate).await });
    }
    while let Some(done) = fetches.join_next().await {
        evidence.take(joined(done)?);
    }
    evidence.check_chain();
    Ok(evidence)
}

struct Fetched {
    number: u64,
    key: String,
    found: Result<Found, RepositoryError>,
}

enum Found {
    Certificate(Certified),
    Intent(OpenIntent),
}

fn joined(
    done: Result<Result<Fetched, RepositoryError>, tokio::task::JoinError>,
) -> Result<Fetched, RepositoryError> {
    done.map_err(|error| RepositoryError::wrong(layout::CERTIFICATES, error.to_string()))?
}

async fn fetch(
    vault: &dyn Vault,
    trust: &Trust,
    number: u64,
    is_certificate: bool,
) -> Result<Fetched, RepositoryError> {
    let key = if is_certificate { layout::certificate(number) } else { layout::intent(number) };
    let found = match vault.get(&key, None).await {
        Ok(bytes) if is_certificate => open_certificate(&key, &bytes, trust, number).map(|certificate| {
            let (digest, envelope) = (Sha256::of(&bytes), bytes.to_vec());
            Found::Certificate(Certified { digest, envelope, certificate })
        }),
        Ok(bytes) => open_intent(&key, &bytes, trust, number)
            .map(|intent| Found::Intent(OpenIntent { digest: Sha256::of(&bytes), intent })),
        Err(error) => Err(error.into()),
    };
    match found {
        Err(error) if !error.is_of_object() => Err(error),
        found => Ok(Fetched { number, key, found }),
    }
}

impl Evidence {
    fn take(&mut self, fetched: Fetched) {
        match fetched.found {
            Ok(Found::Certificate(certified)) => {
                self.certificates.insert(fetched.number, certified);
            }
            Ok(Found::Intent(intent)) => {
                self.open.insert(fetched.number, intent);
            }
            Err(error) => self.problems.push((fetched.key, with_causes(&error))),
        }
    }

    /// Each certificate names the one before. The oldest may be gone: evidence is kept for some years only.
    fn check_chain(&mut self) {
        let mut before: Option<(u64, Sha256)> = None;
        for (number, certified) in &self.certificates {
            if let Some((last, digest)) = before {
                let key = layout::certificate(*number);
                if *number != last.saturating_add(1) {
                    let what = format!("certificate {} before it is missing", last.saturating_add(1));
                    self.problems.push((key, what));
                } else if certified.certificate.previous != Some(digest) {
                    let what =
                        format!("it does not name certificate {last} before it: one of them was replaced");
                    self.problems.push((key, what));
                }
            }
            before = Some((*number, certified.digest));
        }
        // The next intent waits for the certificate of the one before: an older one without it lost it.
        let Some((&first, &newest)) =
            self.certificates.keys().next().zip(self.certificates.keys().next_back())
        else {
            return;
        };
        for number in self.open.keys().filter(|number| **number < newest) {
            // A gap between two others is told of above.
            if *number < first {
                let what = "it is missing, and later ones follow it".to_owned();
                self.problems.push((layout::certificate(*number), what));
            }
        }
    }

    /// Holds the certificates that this host knows of against the store: those that are missing, and what is wrong.
    pub fn against(&self, known: &[(u64, Sha256)]) -> (Vec<u64>, Vec<(String, String)>) {
        let (mut missing, mut wrong) = (Vec::new(), Vec::new());
        for (number, digest) in known {
            match self.certificates.get(number) {
                Some(certified) if certified.digest == *digest => {}
                Some(_) => {
                    let what = "it is another one than the one that this host issued".to_owned();
                    wrong.push((layout::certificate(*number), what));
                }
                None => missing.push(*number),
            }
        }
        (missing, wrong)
    }
}

/// Opens an envelope that a host signed when its key counted.
fn signed(
    key: &str,
    bytes: &[u8],
    trust: &Trust,
    payload_type: &'static str,
) -> Result<(Vec<u8>, PublicKey), RepositoryError> {
    let opened = envelope::open(bytes, payload_type, &trust.host_keys());
    let opened = opened.map_err(|source| RepositoryError::Record { key: key.to_owned(), source })?;
    Ok((opened.payload, opened.signer))
}

/// Opens a certificate: a host signed it for this repository and number.
pub fn open_certificate(
    key: &str,
    bytes: &[u8],
    trust: &Trust,
    number: u64,
) -> Result<Certificate, RepositoryError> {
    let (payload, signer) = signed(key, bytes, trust, payload_type::CERTIFICATE)?;
    let found: Certificate = decode(key, &payload)?;
    let is_right = found.format == FORMAT
        && found.repository == trust.repository.repository
        && found.number == number
        && trust.counted(&signer, &found.issued_at);
    if is_right { Ok(found) } else { Err(RepositoryError::wrong(key, "it is for another place or time")) }
}

/// Opens an intent, in the same way.
pub fn open_intent(key: &str, bytes: &[u8], trust: &Trust, number: u64) -> Result<Intent, RepositoryError> {
    let (payload, signer) = signed(key, bytes, trust, payload_type::INTENT)?;
    let found: Intent = decode(key, &payload)?;
    let is_right = found.format == FORMAT
        && found.repository == trust.repository.repository
        && found.number == number
        && trust.counted(&signer, &found.at);
    if is_right { Ok(found) } else { Err(RepositoryError::wrong(key, "it is for another place or time")) }
}
