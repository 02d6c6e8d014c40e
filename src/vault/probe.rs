//! What a store can do, tried out: the work of `kura store probe`.
//!
//! Stores are known that accept a condition or a lock and ignore it. So nothing here is believed: what was asked
//! for is read back. The probe writes a few KiB under `probe/` and removes what it may remove; an object that it
//! locked stays, and its lock ends after a minute.

use bytes::Bytes;

use super::{DirVault, Put, S3Settings, StoreUrl, Vault, VaultError, s3};
use crate::clock::{Clock, random_bytes};

/// Size of a probe object, bytes.
const PROBE_BYTES: usize = 1024;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The store does what is needed.
    Pass,
    /// The store does it wrongly, or pretends to do it.
    Fail,
    /// The store does not offer it, and says so.
    NotSupported,
    /// It could not be tried, for example because these credentials may not delete.
    NotTested,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeLine {
    /// What was tried.
    pub check: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What was seen, in one sentence or less; may be empty.
    pub detail: String,
}

impl ProbeLine {
    /// A line of the report.
    pub(super) fn new(check: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self { check, verdict, detail: detail.into() }
    }

    /// The line of a check that was made for its success: an error is a failure.
    fn of(check: &'static str, outcome: Result<String, String>) -> Self {
        match outcome {
            Ok(detail) => Self::new(check, Verdict::Pass, detail),
            Err(detail) => Self::new(check, Verdict::Fail, detail),
        }
    }
}

/// What a store can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// The checks in the order they were made.
    pub lines: Vec<ProbeLine>,
    /// Whether Kura may keep backups here. False if anything basic failed, if an object could be overwritten, or
    /// if a lock was accepted and not kept.
    pub usable: bool,
}

/// Tries out a store. Fails only if it cannot be opened.
pub async fn probe(
    address: &StoreUrl,
    settings: &S3Settings,
    clock: &dyn Clock,
) -> Result<ProbeReport, VaultError> {
    let name = probe_name();
    match address {
        StoreUrl::Directory(root) => {
            let vault = DirVault::open(root)?;
            let mut report = probe_basics(&vault, &name).await;
            let detail = "a directory cannot enforce a lock: whoever is root here can delete";
            report.lines.push(ProbeLine::new("object lock", Verdict::NotSupported, detail));
            if let Err(error) = vault.remove(&name) {
                tracing::debug!(%error, "a probe object could not be removed");
            }
            Ok(report)
        }
        StoreUrl::Bucket(bucket) => {
            let vault = s3::S3Vault::open(bucket, settings).await?;
            let mut report = probe_basics(&vault, &name).await;
            if report.usable {
                let more = Box::pin(s3::probe::checks(&vault, &name, clock)).await;
                report.usable =
                    more.iter().all(|line| line.verdict != Verdict::Fail || line.check == s3::probe::CLOCK);
                report.lines.extend(more);
            }
            s3::probe::clean_up(&vault, &name).await;
            Ok(report)
        }
    }
}

/// Tries out what every store must do, on any vault. Leaves one object, `probe/` and a random name.
pub async fn probe_vault(vault: &dyn Vault) -> ProbeReport {
    probe_basics(vault, &probe_name()).await
}

async fn probe_basics(vault: &dyn Vault, name: &str) -> ProbeReport {
    let (first, second) = (random_object(), random_object());
    let mut lines = Vec::new();
    let begun = tokio::time::Instant::now();
    lines.push(ProbeLine::of("write", write(vault, name, &first).await));
    if lines.iter().all(|line| line.verdict == Verdict::Pass) {
        let written = begun.elapsed();
        lines.push(ProbeLine::of("read", read(vault, name, &first).await));
        let read = begun.elapsed().saturating_sub(written);
        lines.push(ProbeLine::of("range read", read_range(vault, name, &first).await));
        lines.push(ProbeLine::of("list", list(vault, name).await));
        lines.push(ProbeLine::of("conditional create", write_twice(vault, name, &first, second).await));
        let detail = format!("write {} ms, read {} ms", written.as_millis(), read.as_millis());
        lines.push(ProbeLine::new("latency", Verdict::Pass, detail));
    }
    let usable = lines.iter().all(|line| line.verdict == Verdict::Pass);
    ProbeReport { lines, usable }
}

async fn write(vault: &dyn Vault, name: &str, bytes: &Bytes) -> Result<String, String> {
    let put = vault.put(name, bytes.clone(), None).await.map_err(|error| error.to_string())?;
    vault.flush().await.map_err(|error| error.to_string())?;
    match put {
        Put::Created => Ok(String::new()),
        Put::AlreadyThere => Err(format!("{name} is new, and the store says that it is there already")),
    }
}

async fn read(vault: &dyn Vault, name: &str, bytes: &Bytes) -> Result<String, String> {
    let there = vault.get(name, None).await.map_err(|error| error.to_string())?;
    if there == bytes { Ok(String::new()) } else { Err("other bytes came back than were written".to_owned()) }
}

async fn read_range(vault: &dyn Vault, name: &str, bytes: &Bytes) -> Result<String, String> {
    let there = vault.get(name, Some(100..300)).await.map_err(|error| error.to_string())?;
    if there != bytes.slice(100..300) {
        return Err("other bytes came back than were asked for".to_owned());
    }
    match vault.get(name, Some(1000..2000)).await {
        Err(VaultError::Missing { .. }) => Ok(String::new()),
        Ok(_) => Err("a range past the end was answered".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

async fn list(vault: &dyn Vault, name: &str) -> Result<String, String> {
    let listed = vault.list(name).await.map_err(|error| error.to_string())?;
    let is_right =
        matches!(&*listed, [one] if one.key == name && usize::try_from(one.size_bytes) == Ok(PROBE_BYTES));
    if is_right { Ok(String::new()) } else { Err("the new object is not listed as it is".to_owned()) }
}

async fn write_twice(vault: &dyn Vault, name: &str, first: &Bytes, second: Bytes) -> Result<String, String> {
    let put = vault.put(name, second, None).await.map_err(|error| error.to_string())?;
    let there = vault.get(name, None).await.map_err(|error| error.to_string())?;
    if there != first {
        return Err(
            "the store ignores the condition and overwrites objects: backups are not safe here".to_owned()
        );
    }
    match put {
        Put::AlreadyThere => Ok("the second writer was refused and changed nothing".to_owned()),
        Put::Created => Err("the second writer was told that it had created the object".to_owned()),
    }
}

fn probe_name() -> String {
    let mut name = [0; 16];
    random_bytes(&mut name);
    format!("probe/{}", hex::encode(name))
}

/// Random bytes for a probe object.
pub(super) fn random_object() -> Bytes {
    let mut bytes = vec![0; PROBE_BYTES];
    random_bytes(&mut bytes);
    bytes.into()
}
