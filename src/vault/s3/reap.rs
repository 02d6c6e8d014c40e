//! Deleting from a bucket: by version, with a credential that may do nothing before the date.

use super::connect::Locking as BucketLocking;
use super::errors::{Fault, judge};
use super::{PAGES_MAX, S3Vault};
use crate::clock::{Clock as _, SystemClock};
use crate::config::may_be_here;
use crate::domain::time::Instant;
use crate::vault::reaper::{Locking, Reaper, Remain, RemainKind};
use crate::vault::{VaultError, key};
use async_trait::async_trait;

#[async_trait]
impl Reaper for S3Vault {
    fn address(&self) -> String {
        self.store.clone()
    }

    async fn remains(&self, prefix: &str) -> Result<Vec<Remain>, VaultError> {
        key::split_prefix(prefix)?;
        let mut found = self.list_versions(prefix).await?;
        found.extend(self.uploads(prefix).await?);
        found.sort_unstable();
        Ok(found)
    }

    async fn locked_until(&self, remain: &Remain) -> Result<Option<Instant>, VaultError> {
        if self.locking != BucketLocking::On || remain.kind != RemainKind::Version {
            return Ok(None);
        }
        Ok(self.read_lock(&remain.key, Some(&remain.id)).await?.map(|kept| kept.until))
    }

    async fn delete(&self, remain: &Remain) -> Result<(), VaultError> {
        let asked = self.asked("DELETE", &remain.key);
        let (bucket, name) = (&self.address.bucket, self.object_name(&remain.key));
        let deleted = self
            .patiently(asked, 0, || async {
                if remain.kind == RemainKind::Upload {
                    let abort = self.client.abort_multipart_upload().bucket(bucket).key(&name);
                    return match abort.upload_id(&remain.id).send().await {
                        Ok(_) => Ok(()),
                        Err(error) if super::errors::code_of(&error) == "NoSuchUpload" => Ok(()),
                        Err(error) => Err(judge(asked, &error)),
                    };
                }
                // A version is named even where there is but one ("null"): without it a store only hides the object.
                let delete = self.client.delete_object().bucket(bucket).key(&name).version_id(&remain.id);
                match delete.send().await.map_err(|error| judge(asked, &error)) {
                    Ok(_) | Err(Fault::Final(VaultError::Missing { .. })) => Ok(()),
                    Err(fault) => Err(fault),
                }
            })
            .await;
        match deleted {
            // Refused: because it is locked?
            Err(VaultError::Denied { place, reason }) => match self.locked_until(remain).await {
                Ok(Some(until)) if SystemClock.now() < until => {
                    Err(VaultError::Locked { key: remain.key.clone(), until })
                }
                Ok(_) | Err(_) => Err(VaultError::Denied { place, reason }),
            },
            other => other,
        }
    }

    async fn flush(&self) -> Result<(), VaultError> {
        Ok(())
    }

    fn locking(&self) -> Locking {
        if self.locking == BucketLocking::On { Locking::Enforced } else { Locking::Unknown }
    }

    async fn outside_time(&self) -> Result<Option<Instant>, VaultError> {
        self.server_time().await
    }
}

impl S3Vault {
    /// The key of a name in the bucket, if it lies in this store.
    fn key_of(&self, name: Option<&str>) -> Option<String> {
        name?.strip_prefix(&self.object_name("")).map(str::to_owned)
    }

    pub(super) async fn list_versions(&self, prefix: &str) -> Result<Vec<Remain>, VaultError> {
        let asked = self.asked("LIST", prefix);
        let (mut found, mut from) = (Vec::new(), (None, None));
        for _ in 0..PAGES_MAX {
            let (key_marker, version_marker) = std::mem::take(&mut from);
            let page = self
                .patiently(asked, 0, || {
                    let page = self.client.list_object_versions().bucket(&self.address.bucket);
                    let page = page.prefix(self.object_name(prefix)).set_key_marker(key_marker.clone());
                    let page = page.set_version_id_marker(version_marker.clone());
                    async move { page.send().await.map_err(|error| judge(asked, &error)) }
                })
                .await?;
            for version in page.versions() {
                let Some(key) = self.key_of(version.key()) else { continue };
                let id = version.version_id().unwrap_or("null").to_owned();
                let size_bytes = u64::try_from(version.size().unwrap_or(0)).unwrap_or(0);
                found.push(Remain { key, kind: RemainKind::Version, id, size_bytes });
            }
            for marker in page.delete_markers() {
                let Some(key) = self.key_of(marker.key()) else { continue };
                let id = marker.version_id().unwrap_or("null").to_owned();
                found.push(Remain { key, kind: RemainKind::DeleteMarker, id, size_bytes: 0 });
            }
            from = (page.next_key_marker, page.next_version_id_marker);
            if page.is_truncated != Some(true) || from.0.is_none() {
                return Ok(found);
            }
        }
        Err(asked.unusable("its listing has no end"))
    }

    async fn uploads(&self, prefix: &str) -> Result<Vec<Remain>, VaultError> {
        let asked = self.asked("LIST", prefix);
        let (mut found, mut from) = (Vec::new(), (None, None));
        for _ in 0..PAGES_MAX {
            let (key_marker, upload_marker) = std::mem::take(&mut from);
            let page = self
                .patiently(asked, 0, || {
                    let page = self.client.list_multipart_uploads().bucket(&self.address.bucket);
                    let page = page.prefix(self.object_name(prefix)).set_key_marker(key_marker.clone());
                    let page = page.set_upload_id_marker(upload_marker.clone());
                    async move { page.send().await.map_err(|error| judge(asked, &error)) }
                })
                .await?;
            for upload in page.uploads() {
                let (Some(key), Some(id)) = (self.key_of(upload.key()), upload.upload_id()) else { continue };
                found.push(Remain { key, kind: RemainKind::Upload, id: id.to_owned(), size_bytes: 0 });
            }
            from = (page.next_key_marker, page.next_upload_id_marker);
            if page.is_truncated != Some(true) || from.0.is_none() {
                return Ok(found);
            }
        }
        Err(asked.unusable("its listing has no end"))
    }
}

impl S3Vault {
    /// The date of the server's last answer; a server on this machine is no witness.
    pub(super) async fn server_time(&self) -> Result<Option<Instant>, VaultError> {
        let endpoint = self.address.endpoint.as_deref().and_then(|text| url::Url::parse(text).ok());
        if endpoint.as_ref().is_some_and(may_be_here) {
            return Ok(None);
        }
        // One small question, so that the answer is of now.
        self.page("kura/", None).await?;
        let now = SystemClock.now().as_seconds();
        let ahead = self.server_clock.ahead_seconds();
        Ok(ahead.map(|ahead| Instant::from_micros(now.saturating_add(ahead).saturating_mul(1_000_000))))
    }
}
