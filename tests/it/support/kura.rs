//! A whole Kura in a temporary folder: home, store, source, a clock that stands still until told.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use kura::archive::progress::Progress;
use kura::archive::seal;
use kura::catalog::Catalog;
use kura::clock::{Clock, ManualClock};
use kura::config::Home;
use kura::domain::time::{Day, Instant, Zone};
use kura::policy_files;
use kura::vault::{DirVault, Vault};
use kura::workflows::host::Host;
use kura::workflows::init::{self, NewInstallation};
use kura::workflows::repository::{self, Opened, RootPolicy};
use kura::workflows::restore;
use kura::workflows::take_snapshot::{self, SnapshotError, take_snapshot};

use super::simulate::request;

/// A Kura of its own.
pub(crate) struct Kura {
    /// Everything lies in here.
    pub(crate) dir: tempfile::TempDir,
    /// The clock.
    pub(crate) clock: ManualClock,
}

impl Kura {
    /// A new installation at noon of a day, Tokyo time.
    pub(crate) async fn new(day: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let clock = ManualClock::new(noon(day));
        let kura = Self { dir, clock };
        std::fs::create_dir(kura.source()).expect("a source");
        let new = NewInstallation {
            home: kura.home(),
            store: kura.store().display().to_string().parse().expect("an address"),
            recipients: Vec::new(),
            new_recovery_key: Some(kura.recovery_key()),
            passphrase: None,
            root_key: None,
        };
        init::init(new, &kura.clock).await.expect("init");
        kura
    }

    /// The home.
    pub(crate) fn home(&self) -> Home {
        Home::at(self.dir.path().join("home"))
    }

    /// The store's folder.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    /// The protected folder.
    pub(crate) fn source(&self) -> PathBuf {
        self.dir.path().join("source")
    }

    /// The recovery key.
    pub(crate) fn recovery_key(&self) -> PathBuf {
        self.dir.path().join("recovery.key")
    }

    /// Sets the clock to noon of a day.
    pub(crate) fn set_day(&self, day: &str) {
        self.clock.set(noon(day));
    }

    /// What the clock says.
    pub(crate) fn clock_now(&self) -> Instant {
        self.clock.now()
    }

    /// A plan of the source. `more` is further TOML before the source's table, `in_source` in it.
    pub(crate) fn plan(&self, class: &str, more: &str, in_source: &str) -> kura::domain::plan::Plan {
        let text = format!(
            "name = \"test\"\nclass = \"{class}\"\n{more}\n[[source]]\nkind = \"directory\"\npath = {:?}\n{in_source}\n",
            self.source().display().to_string()
        );
        policy_files::parse_plan("test.toml", &text).unwrap_or_else(|e| panic!("the plan is good: {e}"))
    }

    /// An application plan whose clock is the modification time.
    pub(crate) fn records(&self) -> kura::domain::plan::Plan {
        self.plan("application", "", "sent_day = \"mtime\"")
    }

    /// A system plan.
    pub(crate) fn system(&self) -> kura::domain::plan::Plan {
        self.plan("system", "", "")
    }

    /// Takes a snapshot.
    pub(crate) async fn snapshot(
        &self,
        plan: &kura::domain::plan::Plan,
    ) -> Result<take_snapshot::Summary, SnapshotError> {
        self.clock.set(Instant::from_micros(self.clock.now().as_micros() + 1_000_000));
        let host = Host::open(self.home(), None).await.expect("the host opens");
        let catalog = Catalog::open(&self.home().catalog_file()).await.expect("the catalog opens");
        let request = take_snapshot::Request {
            plan: plan.clone(),
            event: "adhoc".to_owned(),
            reason: None,
            reread: false,
        };
        take_snapshot(&host, &catalog, &request, &self.clock, &Arc::new(Progress::default())).await
    }

    /// Opens the repository with the recovery key.
    pub(crate) async fn opened(&self) -> Arc<Opened> {
        let file = std::fs::read(self.recovery_key()).expect("the recovery key");
        let file = seal::read_identity_file(&file, None).expect("an identity");
        let root = RootPolicy::Fingerprint(file.root.expect("a root line"));
        let vault: Arc<dyn Vault> = Arc::new(DirVault::open(&self.store()).expect("the store"));
        Arc::new(repository::open(vault, file.keys, &root).await.expect("the repository opens"))
    }

    /// Restores the latest snapshot (of what `patterns` name) into a new folder.
    pub(crate) async fn restore_to(&self, name: &str, patterns: &[&str]) -> (PathBuf, restore::Summary) {
        let to = self.dir.path().join(name);
        let patterns = patterns.iter().map(Into::into).collect();
        let request = restore::Request { patterns, ..request(self, name) };
        let progress = Arc::new(Progress::default());
        let summary = restore::restore(self.opened().await, &request, self.clock.now(), &progress).await;
        (to, summary.expect("a restore"))
    }

    /// Names of cohorts that have packs in the store.
    pub(crate) fn cohorts(&self) -> Vec<String> {
        let mut cohorts: Vec<String> = std::fs::read_dir(self.store().join("test"))
            .expect("the plan's folder")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name != "snapshots")
            .collect();
        cohorts.sort();
        cohorts
    }
}

/// Noon of a day in Tokyo.
pub(crate) fn noon(day: &str) -> Instant {
    let zone = Zone::named("Asia/Tokyo").expect("Tokyo");
    let day: Day = day.parse().expect("a day");
    Instant::from_micros(zone.start_of(day).as_micros() + 12 * 3_600_000_000)
}

/// Everything `find` can say of a tree and the content of every file, for comparisons by people and machines.
pub(crate) fn listing(root: &Path) -> String {
    let script = "find . -printf '%P\\0%y %m %U %G %n %T@ %l\\0' | sort -z | tr '\\0\\n' '\\n?'; \
                  find . -type f -print0 | sort -z | xargs -0 -r b3sum --no-names; \
                  find . -print0 | sort -z | xargs -0 -r getfattr --absolute-names -h -m - -d 2>/dev/null";
    let output = Command::new("sh").arg("-c").arg(script).current_dir(root).output().expect("find runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Sets a file's modification time to noon of a day.
pub(crate) fn touch(path: &Path, day: &str) {
    let at = std::time::UNIX_EPOCH
        + std::time::Duration::from_micros(u64::try_from(noon(day).as_micros()).expect("after 1970"));
    let file = std::fs::File::options().read(true).open(path).expect("the file");
    file.set_modified(at).expect("a time");
}
