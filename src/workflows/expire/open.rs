//! Building what expiry needs from an installation's settings.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::config::ConfigError;
use crate::domain::expiry::Limits;
use crate::domain::plan::Plan;
use crate::vault::{self, Reaper, S3Settings, StoreUrl, VaultError};
use crate::workflows::host::{Host, credentials};
use crate::workflows::replica::{self, ReplicaError};

use super::OnHost;

/// Why deletion cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody may delete.
    #[error(
        "kura.toml has no [reaper], so that nothing can be deleted from the bucket: give it access_key_id and \
         secret_access_key_file of a credential that may delete, and that the backups are not written with"
    )]
    NoReaper,
    /// The second store.
    #[error(transparent)]
    Second(#[from] ReplicaError),
    /// The address of the store.
    #[error("store: {0}")]
    Address(String),
    /// The settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// What expiry needs, opened.
pub struct Bench {
    /// The host.
    pub host: Host,
    /// Who deletes.
    pub reaper: Arc<dyn Reaper>,
    /// Who deletes from the second store.
    pub second: Option<Arc<dyn Reaper>>,
    /// The plans.
    pub plans: Vec<Plan>,
    contents: BTreeMap<String, String>,
    limits: Limits,
}

/// Where a bench comes from: the host, its store and its plans are opened afresh each time.
#[async_trait]
pub trait Benches: Send + Sync {
    /// The bench as things are now, or why the host or its store cannot be used.
    async fn bench(&self) -> Result<Bench, String>;
}

impl Bench {
    /// Opens the reaper of the host's settings. If that fails, the host is given back.
    pub async fn open(
        host: Host,
        plans: Vec<Plan>,
        contents: BTreeMap<String, String>,
    ) -> Result<Self, (Box<Host>, OpenError)> {
        match parts(&host).await {
            Ok((reaper, second, limits)) => Ok(Self { host, reaper, second, plans, contents, limits }),
            Err(error) => Err((Box::new(host), error)),
        }
    }

    /// The same with a catalog and a clock.
    pub fn on<'a>(&'a self, catalog: &'a Catalog, clock: &'a dyn Clock) -> OnHost<'a> {
        OnHost {
            host: &self.host,
            catalog,
            reaper: &*self.reaper,
            second: self.second.as_deref(),
            plans: &self.plans,
            contents: &self.contents,
            clocks: &self.host.clocks,
            limits: self.limits,
            clock,
        }
    }
}

type Parts = (Arc<dyn Reaper>, Option<Arc<dyn Reaper>>, Limits);

/// Who deletes from the store of a host, with the credential of its settings.
pub async fn open_reaper(host: &Host) -> Result<Arc<dyn Reaper>, OpenError> {
    let settings = &host.settings;
    let shown = host.vault.address();
    // A folder is named as it is, which an address would write otherwise.
    let text = shown.strip_prefix("file://").unwrap_or(&shown);
    let address: StoreUrl =
        text.parse().map_err(|error: vault::StoreUrlError| OpenError::Address(error.to_string()))?;
    let mut s3 = S3Settings::default();
    match (&address, &settings.reaper) {
        (StoreUrl::Directory(_), _) => {}
        (StoreUrl::Bucket(_), None) => return Err(OpenError::NoReaper),
        (StoreUrl::Bucket(_), Some(reaper)) => {
            s3.credentials = credentials(&reaper.access_key_id, &reaper.secret_access_key_file)?;
        }
    }
    Ok(vault::open_reaper(&address, &s3).await?)
}

async fn parts(host: &Host) -> Result<Parts, OpenError> {
    let (settings, reaper) = (&host.settings, open_reaper(host).await?);
    let second = replica::open_reaper(settings).await?;
    let expiry = settings.expiry.clone().unwrap_or_default();
    let default = Limits::default();
    let limits = Limits {
        cohorts: expiry.cohorts_at_once.unwrap_or(default.cohorts).max(default.cohorts),
        percent: expiry.percent_at_once.unwrap_or(default.percent).min(100),
    };
    Ok((reaper, second, limits))
}
