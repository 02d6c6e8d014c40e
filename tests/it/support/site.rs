//! The real program with a home, a source and a store of its own, and runs of the same home within the test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use kura::archive::progress::Progress;
use kura::catalog::Catalog;
use kura::clock::SystemClock;
use kura::config::Home;
use kura::policy_files;
use kura::vault::Vault;
use kura::workflows::host::Host;
use kura::workflows::take_snapshot::{self, SnapshotError, Summary, take_snapshot};

use super::kura::listing;

/// A home with the plan `test`, a system plan of the folder `source`.
pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: String,
    environment: Vec<(&'static str, String)>,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Stops the test unless the program ended with this code.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\nstdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Stops the test unless the program failed with one message that has these words and says what to do.
    #[track_caller]
    pub(crate) fn fails_clearly(self, words: &[&str]) -> Self {
        let ran = self.ends(1);
        assert_eq!(ran.err.matches("kura: error: ").count(), 1, "{}", ran.err);
        assert!(ran.err.starts_with("kura: error: ") && ran.err.lines().count() <= 6, "{}", ran.err);
        assert!(!ran.err.contains("panicked"), "{}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "{word:?} is not in: {}", ran.err);
        }
        ran
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}:\n{}", self.out))
    }
}

impl Site {
    /// An installation whose store is a folder.
    pub(crate) fn in_folder() -> Self {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let store = format!("file://{}", dir.path().join("store").display());
        Self::begin(dir, store, Vec::new())
    }

    /// An installation whose store is a bucket, for somebody with `key:secret`.
    pub(crate) fn in_bucket(store: String, identity: &str) -> Self {
        let dir = tempfile::tempdir().expect("a folder for the test");
        let (key, secret) = identity.split_once(':').expect("key:secret");
        let environment =
            vec![("AWS_ACCESS_KEY_ID", key.to_owned()), ("AWS_SECRET_ACCESS_KEY", secret.to_owned())];
        Self::begin(dir, store, environment)
    }

    fn begin(dir: tempfile::TempDir, store: String, environment: Vec<(&'static str, String)>) -> Self {
        let site = Self { dir, store, environment };
        std::fs::create_dir(site.path("source")).expect("a source");
        site.kura(&["init", "--store", &site.store, "--new-recovery-key", "recovery.key"]).ends(0);
        let plan = format!(
            "name = \"test\"\nclass = \"system\"\n[[source]]\nkind = \"directory\"\npath = {:?}\n",
            site.path("source").display().to_string()
        );
        std::fs::write(site.path("home/policies/test.toml"), plan).expect("a plan");
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file of the source.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path("source").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder above")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }

    /// The program in this site's environment, not yet started.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.env_clear().env("KURA_HOME", self.path("home")).env("AWS_EC2_METADATA_DISABLED", "true");
        command.envs(self.environment.iter().map(|(name, value)| (*name, value)));
        command.current_dir(self.dir.path()).stdin(Stdio::null());
        command
    }

    /// Runs the program.
    pub(crate) fn kura(&self, arguments: &[&str]) -> Ran {
        let mut command = self.command(env!("CARGO_BIN_EXE_kura"));
        Ran::of(&command.args(arguments).output().expect("the program starts"))
    }

    /// Runs the program with the store and the recovery key alone.
    pub(crate) fn bare(&self, arguments: &[&str]) -> Ran {
        let more = ["--store", &self.store, "--identity", "recovery.key", "--home", "no-home"];
        self.kura(&[arguments, &more[..]].concat())
    }

    /// Takes a snapshot within the test, into this vault instead of the store.
    pub(crate) async fn snapshot_into(&self, vault: Arc<dyn Vault>) -> Result<Summary, SnapshotError> {
        self.snapshot_of("home", vault).await
    }

    /// The same for another home.
    pub(crate) async fn snapshot_of(
        &self,
        home: &str,
        vault: Arc<dyn Vault>,
    ) -> Result<Summary, SnapshotError> {
        let home = Home::at(self.path(home));
        let nothing = self.path("nothing");
        std::fs::create_dir_all(&nothing).expect("an empty store, so that the host opens");
        let mut host = Host::open(home.clone(), nothing.to_str()).await.expect("the host opens");
        host.vault = vault;
        let catalog = Catalog::open(&home.catalog_file()).await.expect("the catalog opens");
        let text = std::fs::read_to_string(home.policies().join("test.toml")).expect("the plan");
        let plan =
            policy_files::parse_plan("test.toml", &text).unwrap_or_else(|e| panic!("a good plan: {e}"));
        let request = take_snapshot::Request { plan, event: "adhoc".to_owned(), reason: None, reread: false };
        take_snapshot(&host, &catalog, &request, &SystemClock, &Arc::new(Progress::default())).await
    }

    /// Everything in the store is whole, by the recovery key.
    #[track_caller]
    pub(crate) fn verifies(&self) -> serde_json::Value {
        let ran = self.bare(&["verify", "--json"]);
        let report = ran.json();
        assert_eq!(report["problems"], serde_json::json!([]), "{report}");
        ran.ends(0);
        report
    }

    /// The newest snapshot gives the source back as it is.
    #[track_caller]
    pub(crate) fn comes_back(&self) {
        let to = tempfile::tempdir_in(self.dir.path()).expect("a folder to restore to");
        let to = to.path().join("out");
        self.bare(&["restore", "latest", "--to", to.to_str().expect("UTF-8")]).ends(0);
        assert_eq!(listing(&to), listing(&self.path("source")));
    }

    /// After whatever happened a normal run succeeds, all is whole, and the source comes back.
    #[track_caller]
    pub(crate) fn is_well(&self) {
        self.kura(&["snapshot", "test"]).ends(0);
        self.verifies();
        self.comes_back();
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Bytes that do not compress, different for every seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}
