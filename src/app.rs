//! Builds the program's parts from an installation's home: plans, host, catalog.
//!
//! Each command builds only what it needs; what cannot be built says why and what to do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::clock::{Clock as _, SystemClock};
use crate::config::{self, ConfigError, Home, Stamps};
use crate::domain::plan::Plan;
use crate::policy_files::{self, Refused};
use crate::workflows::expire::{Bench, OpenError};
use crate::workflows::host::HostError;
use crate::workflows::monitor::MonitorDesk;
use crate::workflows::{desk, keys, own};

pub use crate::hooks::HostCommands;
pub use crate::portal::page::{BadPage, PublicPage};
pub use crate::workflows::desk::Desk;
pub use crate::workflows::host::Host;

pub use crate::catalog::{Catalog, CatalogError, SnapshotRow};

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// No file has this name.
    #[error("there is no plan {name:?}: {} does not exist{}", .file.display(), known(.plans))]
    None {
        /// The name.
        name: String,
        /// The file that it would be in.
        file: PathBuf,
        /// The plans that there are.
        plans: Vec<String>,
    },
    /// The file is not a right plan.
    #[error(transparent)]
    Refused(#[from] Refused),
}

fn known(plans: &[String]) -> String {
    if plans.is_empty() { String::new() } else { format!(" (there are: {})", plans.join(", ")) }
}

/// The program, as one command sees it.
#[derive(Clone, Debug)]
pub struct App {
    /// The installation; it need not exist.
    pub home: Home,
    /// The machine's clock.
    pub clock: SystemClock,
}

impl App {
    /// The program for a home, or for the default one of this user.
    pub fn new(home: Option<PathBuf>) -> Self {
        let default = || {
            let (data, user) = (config::environment("XDG_DATA_HOME"), config::environment("HOME"));
            Home::default_path(rustix::process::geteuid().is_root(), data.as_deref(), user.as_deref())
        };
        Self { home: Home::at(home.unwrap_or_else(default)), clock: SystemClock }
    }

    /// The host, with the store of its settings or another one.
    pub async fn host(&self, store: Option<&str>) -> Result<Host, HostError> {
        Host::open(self.home.clone(), store).await
    }

    /// The catalog of a home that exists.
    pub async fn catalog(&self) -> Result<Catalog, AppError> {
        self.home.settings()?;
        Ok(Catalog::open(&self.home.catalog_file()).await?)
    }

    /// What decisions about windows look at: the catalog, every plan that can be read, the recovery keys in force.
    pub async fn desk(&self) -> Result<Desk, DeskError> {
        self.desk_on(self.catalog().await?)
    }

    /// The same with a catalog that is open; plans and keys are read again.
    pub fn desk_on(&self, catalog: Catalog) -> Result<Desk, DeskError> {
        let settings = self.home.settings()?;
        let recipients = keys::in_force(&self.home)?.recipients;
        let (mut contents, mut drills) = (BTreeMap::new(), Vec::new());
        for name in self.plan_names() {
            let Ok(plan) = self.plan(&name) else { continue };
            drills.push((name.clone(), plan.drill_every()));
            contents.insert(name, desk::content(&plan, &recipients));
        }
        let desk = Desk::new(catalog, contents, settings.notices.as_ref())
            .with_services(&settings)
            .with_datasets(&settings);
        let monitoring = policy_files::load_monitoring(&self.home.monitoring()).map_err(|e| e.to_string());
        let desk = desk.with_incidents(&settings, self.home.contacts());
        let desk = desk.with_monitoring(MonitorDesk::of(monitoring));
        Ok(desk.with_drills(drills, recipients))
    }

    /// What deletion needs, with the plans as they are now.
    pub async fn bench(&self, desk: &Desk) -> Result<Bench, BenchError> {
        let plans = self.plan_names().iter().map(|name| self.plan(name)).collect::<Result<Vec<Plan>, _>>()?;
        let host = self.host(None).await?;
        Ok(Bench::open(host, plans, desk.contents.clone()).await.map_err(|(_, error)| error)?)
    }

    /// The file of a plan.
    pub fn plan_file(&self, name: &str) -> PathBuf {
        self.home.policies().join(format!("{name}.toml"))
    }

    /// The plan of a name.
    pub fn plan(&self, name: &str) -> Result<Plan, PlanError> {
        let file = self.plan_file(name);
        if name == own::PLAN && !file.exists() {
            // Every installation has this one; if it cannot be written, there is none, which is told below.
            drop(own::ensure(&self.home));
        }
        if !file.exists() {
            return Err(PlanError::None { name: name.to_owned(), file, plans: self.plan_names() });
        }
        Ok(policy_files::load_plan(&file)?)
    }

    /// The names of the plan files, right or not, in order.
    pub fn plan_names(&self) -> Vec<String> {
        self.home.plan_names()
    }
}

/// The desk of a home, read again when its settings, plans or keys have changed.
#[derive(Debug)]
pub struct DeskSource {
    app: App,
    catalog: Catalog,
    last: Mutex<Option<(Stamps, Desk)>>,
}

impl DeskSource {
    /// The desk on a catalog that is open.
    pub fn new(app: App, catalog: Catalog) -> Self {
        Self { app, catalog, last: Mutex::new(None) }
    }

    /// The desk as it is now.
    pub fn desk(&self) -> Result<Desk, DeskError> {
        // Before the files are read: what changes meanwhile is read the next time.
        let stamps = self.app.home.stamps();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, desk)) = last.as_ref().filter(|(seen, _)| *seen == stamps) {
            return Ok(desk.clone());
        }
        let is_settled = stamps.are_settled(self.app.clock.now());
        let desk = self.app.desk_on(self.catalog.clone())?;
        *last = is_settled.then(|| (stamps, desk.clone()));
        Ok(desk)
    }
}

/// Why nothing can be deleted in this home.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// A plan cannot be read: nobody knows what it would keep.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The host or its store.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Who deletes, or the clocks.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Why decisions cannot be made in this home.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// The home or the catalog.
    #[error(transparent)]
    App(#[from] AppError),
    /// The signed records of the host.
    #[error(transparent)]
    Host(#[from] HostError),
}

impl From<ConfigError> for DeskError {
    fn from(error: ConfigError) -> Self {
        Self::App(error.into())
    }
}

/// Why a part of the program cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The home or its settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The catalog.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}
