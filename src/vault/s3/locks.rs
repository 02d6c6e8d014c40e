//! Locks of a bucket: which one is asked for, and what the bucket says it kept.

use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::{ObjectLockMode, ObjectLockRetentionMode};

use super::connect::Locking;
use super::errors::judge;
use super::{KeptLock, Lock, LockKind, S3Vault, VaultError};
use crate::domain::plan::LockMode;
use crate::domain::time::Instant;

impl S3Vault {
    /// The lock to ask for: its mode and its end, rounded up to a whole second.
    ///
    /// An address with `lock=governance` never locks harder, whatever the plan says, so that a bucket for trying out can
    /// be cleared; coverage says that the lock is not the plan's.
    pub(super) fn lock(
        &self,
        key: &str,
        lock: Option<Lock>,
    ) -> Result<Option<(ObjectLockMode, DateTime)>, VaultError> {
        let Some(lock) = lock else { return Ok(None) };
        let mode = match (self.address.lock, lock.mode) {
            (LockKind::Off, _) => return Ok(None),
            (LockKind::Compliance, LockMode::Compliance) => ObjectLockMode::Compliance,
            (LockKind::Governance, _) | (LockKind::Compliance, LockMode::Governance) => {
                ObjectLockMode::Governance
            }
        };
        match self.locking {
            Locking::On => {
                let seconds = lock.until.as_micros().saturating_add(999_999).div_euclid(1_000_000);
                Ok(Some((mode, DateTime::from_secs(seconds))))
            }
            Locking::Off => Ok(None),
            Locking::Unknown => Err(VaultError::Denied {
                place: key.to_owned(),
                reason: "these credentials may not read whether the bucket locks objects: give them \
                         s3:GetBucketObjectLockConfiguration, or say lock=off in the address"
                    .to_owned(),
            }),
        }
    }

    /// The lock of an object, of its current version if none is named.
    pub(super) async fn read_lock(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<KeptLock>, VaultError> {
        if self.locking != Locking::On {
            return Ok(None);
        }
        let asked = self.asked("GET", key);
        let kept = self
            .patiently(asked, 0, || {
                let ask = self.client.get_object_retention().bucket(&self.address.bucket);
                let ask = ask.key(self.object_name(key)).set_version_id(version.map(str::to_owned));
                async move {
                    match ask.send().await {
                        Ok(answer) => Ok(answer.retention),
                        // Servers differ in how they say that an object has no lock.
                        Err(error) => match super::errors::code_of(&error) {
                            "NoSuchObjectLockConfiguration"
                            | "ObjectLockConfigurationNotFoundError"
                            | "NoSuchKey"
                            | "NoSuchVersion" => Ok(None),
                            _ => Err(judge(asked, &error)),
                        },
                    }
                }
            })
            .await?;
        Ok(kept.and_then(|kept| {
            let mode = kept.mode.and_then(|mode| match mode {
                ObjectLockRetentionMode::Compliance => Some(LockMode::Compliance),
                ObjectLockRetentionMode::Governance => Some(LockMode::Governance),
                _ => None,
            });
            Some(KeptLock { until: instant(kept.retain_until_date?), mode })
        }))
    }
}

fn instant(date: DateTime) -> Instant {
    Instant::from_micros(date.secs().saturating_mul(1_000_000))
}
