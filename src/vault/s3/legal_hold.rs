//! Legal holds of a bucket with Object Lock, version by version.

use async_trait::async_trait;
use aws_sdk_s3::types::{ObjectLockLegalHold, ObjectLockLegalHoldStatus};

use super::S3Vault;
use super::errors::{code_of, judge};
use crate::vault::legal_hold::LegalHolds;
use crate::vault::reaper::{Remain, RemainKind};
use crate::vault::{VaultError, key};

#[async_trait]
impl LegalHolds for S3Vault {
    async fn versions(&self, prefix: &str) -> Result<Vec<Remain>, VaultError> {
        key::split_prefix(prefix)?;
        let mut found = self.list_versions(prefix).await?;
        found.retain(|remain| remain.kind == RemainKind::Version);
        Ok(found)
    }

    async fn is_held(&self, version: &Remain) -> Result<bool, VaultError> {
        let asked = self.asked("GET", &version.key);
        self.patiently(asked, 0, || {
            let ask = self.client.get_object_legal_hold().bucket(&self.address.bucket);
            let ask = ask.key(self.object_name(&version.key)).version_id(&version.id);
            async move {
                match ask.send().await {
                    Ok(answer) => {
                        let status = answer.legal_hold.and_then(|hold| hold.status);
                        Ok(status == Some(ObjectLockLegalHoldStatus::On))
                    }
                    // Servers differ in how they say that an object was never held.
                    Err(error) => match code_of(&error) {
                        "NoSuchObjectLegalHold"
                        | "NoSuchObjectLockConfiguration"
                        | "ObjectLockConfigurationNotFoundError" => Ok(false),
                        _ => Err(judge(asked, &error)),
                    },
                }
            }
        })
        .await
    }

    async fn set(&self, version: &Remain, is_held: bool) -> Result<(), VaultError> {
        let asked = self.asked("PUT", &version.key);
        let status = if is_held { ObjectLockLegalHoldStatus::On } else { ObjectLockLegalHoldStatus::Off };
        let hold = ObjectLockLegalHold::builder().status(status).build();
        self.patiently(asked, 0, || {
            let ask =
                self.client.put_object_legal_hold().bucket(&self.address.bucket).legal_hold(hold.clone());
            let ask = ask.key(self.object_name(&version.key)).version_id(&version.id);
            async move { ask.send().await.map(drop).map_err(|error| judge(asked, &error)) }
        })
        .await
    }
}
