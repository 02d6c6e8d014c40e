//! The checks of `kura store probe` that only S3 can answer: checksums, locks, the server's clock.

use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ObjectLockMode, ObjectLockRetentionMode};

use super::{BASE64, Instant, Locking, S3Vault, VaultError, digest, judge};
use crate::clock::Clock;
use crate::vault::LockKind;
use crate::vault::probe::{ProbeLine, Verdict, random_object};
use base64::Engine as _;

/// The name of the check of the clocks.
pub(in crate::vault) const CLOCK: &str = "clock";

/// How long a probe object is locked: longer than the clocks may differ, seconds.
const LOCK_SECONDS: i64 = 60;

/// How far the clocks may differ, seconds.
const CLOCK_SECONDS_MAX: u64 = 10;

/// Makes the checks; their objects begin with `name`.
pub(in crate::vault) async fn checks(vault: &S3Vault, name: &str, clock: &dyn Clock) -> Vec<ProbeLine> {
    let mut lines = vec![checksum(vault, name).await];
    lines.push(match vault.locking {
        Locking::On => ProbeLine::new("object lock", Verdict::Pass, "on"),
        Locking::Off if vault.address.lock == LockKind::Off => {
            ProbeLine::new("object lock", Verdict::NotTested, "the address says lock=off")
        }
        Locking::Off => {
            let detail = "off: whoever can delete here can delete backups; Object Lock is chosen when a bucket is made";
            ProbeLine::new("object lock", Verdict::NotSupported, detail)
        }
        Locking::Unknown => {
            let detail = "these credentials may not read the bucket's lock setting (s3:GetBucketObjectLockConfiguration)";
            ProbeLine::new("object lock", Verdict::NotTested, detail)
        }
    });
    if vault.locking == Locking::On {
        lines.extend(locks(vault, name, clock).await);
    }
    lines.push(clocks(vault));
    lines
}

/// A PUT whose checksum does not fit its bytes must be refused, and must leave nothing.
async fn checksum(vault: &S3Vault, name: &str) -> ProbeLine {
    let line = |verdict, detail: String| ProbeLine::new("checksum", verdict, detail);
    let key = format!("{name}-damaged");
    let wrong = digest::digest(&digest::SHA256, b"other bytes");
    let sent = put(vault, &key).checksum_sha256(BASE64.encode(wrong)).send().await;
    let there = super::Vault::size(vault, &key).await;
    match (sent, there) {
        (Err(error), Ok(None)) if error.as_service_error().is_none() => line(
            Verdict::NotTested,
            judge(vault.asked("PUT", &key), &error).into_error(vault.asked("PUT", &key)).to_string(),
        ),
        (Err(_), Ok(None)) => line(Verdict::Pass, "damaged bytes were refused".to_owned()),
        (Ok(_), _) => line(
            Verdict::NotSupported,
            "damaged bytes were accepted: Kura's own reading back matters more".to_owned(),
        ),
        (Err(_), Ok(Some(_))) => line(Verdict::Fail, "damaged bytes were refused, but kept".to_owned()),
        (Err(_), Err(error)) => line(Verdict::NotTested, error.to_string()),
    }
}

/// A lock must be kept as asked, and must hold.
async fn locks(vault: &S3Vault, name: &str, clock: &dyn Clock) -> Vec<ProbeLine> {
    const KEPT: &str = "lock read back";
    let key = format!("{name}-locked");
    let now = clock.now().as_seconds();
    let until = Instant::from_micros((now + LOCK_SECONDS).saturating_mul(1_000_000));
    let lock = match vault.lock(&key, Some(until.into())) {
        Ok(Some(lock)) => lock,
        Ok(None) => return Vec::new(),
        Err(error) => return vec![ProbeLine::new(KEPT, Verdict::Fail, error.to_string())],
    };
    let (mode, until) = lock.clone();
    let sent = put(vault, &key).object_lock_mode(mode).object_lock_retain_until_date(until).send().await;
    let version = match sent {
        Ok(answer) => answer.version_id,
        Err(error) => {
            let error = judge(vault.asked("PUT", &key), &error).into_error(vault.asked("PUT", &key));
            return vec![ProbeLine::new(KEPT, Verdict::Fail, error.to_string())];
        }
    };
    let Some(version) = version else {
        let detail = "the store says that it locks, but gives no versions";
        return vec![ProbeLine::new(KEPT, Verdict::Fail, detail)];
    };
    vec![lock_kept(vault, &key, &version, &lock).await, lock_holds(vault, name, &key, &version).await]
}

async fn lock_kept(
    vault: &S3Vault,
    key: &str,
    version: &str,
    asked: &(ObjectLockMode, DateTime),
) -> ProbeLine {
    let line = |verdict, detail: String| ProbeLine::new("lock read back", verdict, detail);
    let asking = vault.client.get_object_retention().bucket(&vault.address.bucket);
    match asking.key(vault.object_name(key)).version_id(version).send().await {
        Ok(answer) => {
            let kept = answer.retention;
            let mode = kept.as_ref().and_then(|kept| kept.mode.as_ref()).map(ObjectLockRetentionMode::as_str);
            let until = kept.as_ref().and_then(|kept| kept.retain_until_date).map(|until| until.secs());
            if mode == Some(asked.0.as_str()) && until == Some(asked.1.secs()) {
                line(Verdict::Pass, format!("{} until the second asked for", asked.0.as_str()))
            } else {
                line(
                    Verdict::Fail,
                    format!("{} was asked for, {mode:?} was kept, or its end differs", asked.0.as_str()),
                )
            }
        }
        Err(error) => match judge(vault.asked("GET", key), &error).into_error(vault.asked("GET", key)) {
            error @ VaultError::Denied { .. } => line(Verdict::NotTested, error.to_string()),
            error => line(Verdict::Fail, error.to_string()),
        },
    }
}

/// Deleting a locked version must be refused; this says something only if a free one can be deleted.
async fn lock_holds(vault: &S3Vault, name: &str, key: &str, version: &str) -> ProbeLine {
    let line = |verdict, detail: &str| ProbeLine::new("lock holds", verdict, detail);
    let free = format!("{name}-free");
    let can_delete = match put(vault, &free).send().await {
        Ok(answer) => match answer.version_id {
            Some(free_version) => delete(vault, &free, &free_version).await,
            None => false,
        },
        Err(_) => false,
    };
    if !can_delete {
        return line(Verdict::NotTested, "these credentials may not delete, as it should be for a writer");
    }
    let was_deleted = delete(vault, key, version).await;
    let is_there = vault.client.head_object().bucket(&vault.address.bucket);
    let is_there = is_there.key(vault.object_name(key)).version_id(version).send().await.is_ok();
    match (was_deleted, is_there) {
        (false, true) => line(Verdict::Pass, "early deletion was refused"),
        (true, true) => {
            line(Verdict::Fail, "early deletion was acknowledged, though the object is still there")
        }
        (_, false) => {
            line(Verdict::Fail, "a locked object was deleted before its date: the lock is worth nothing")
        }
    }
}

fn clocks(vault: &S3Vault) -> ProbeLine {
    match vault.server_clock.ahead_seconds() {
        None => ProbeLine::new(CLOCK, Verdict::NotTested, "the server sends no date"),
        Some(ahead) => {
            let verdict =
                if ahead.unsigned_abs() <= CLOCK_SECONDS_MAX { Verdict::Pass } else { Verdict::Fail };
            ProbeLine::new(
                CLOCK,
                verdict,
                format!("the server's clock differs by {ahead} s from this machine's"),
            )
        }
    }
}

/// Removes what the probe has written, as far as locks and rights allow.
pub(in crate::vault) async fn clean_up(vault: &S3Vault, name: &str) {
    let names = ["", "-damaged", "-free"].map(|end| format!("{name}{end}"));
    let versions = vault.client.list_object_versions().bucket(&vault.address.bucket);
    let versions = versions.prefix(vault.object_name(name)).send().await;
    let versions = versions.ok().and_then(|listed| listed.versions).unwrap_or_default();
    for version in versions {
        let (Some(object), Some(id)) = (version.key(), version.version_id()) else { continue };
        if let Some(key) = names.iter().find(|key| vault.object_name(key) == object)
            && !delete(vault, key, id).await
        {
            tracing::debug!("a probe object could not be removed");
        }
    }
}

/// A PUT of random bytes under a new key, with their checksum.
fn put(vault: &S3Vault, key: &str) -> PutObjectFluentBuilder {
    let put = vault.client.put_object().bucket(&vault.address.bucket).key(vault.object_name(key));
    let bytes = random_object();
    let digest = digest::digest(&digest::SHA256, &bytes);
    put.if_none_match("*").checksum_sha256(BASE64.encode(digest)).body(ByteStream::from(bytes))
}

/// Whether the deletion of a version was acknowledged.
async fn delete(vault: &S3Vault, key: &str, version: &str) -> bool {
    let delete = vault.client.delete_object().bucket(&vault.address.bucket);
    delete.key(vault.object_name(key)).version_id(version).send().await.is_ok()
}
