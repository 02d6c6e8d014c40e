//! An installation's home folder and its settings file, `kura.toml`.
//!
//! Serde shapes of configuration live here and nowhere else. Unknown keys are refused.

use std::fs;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::retention::Retention;

/// Tables that permits may name.
mod dataset;

/// Settings of deletion.
mod expiry;

/// The daily proof.
mod coverage;

/// The font of PDFs.
mod font;

/// Who is told that Kura lives.
mod heartbeat;

/// Which addresses are this machine.
mod here;

/// Who reports incidents to whom.
mod incidents;

/// Notices by mail.
mod mail;

/// Notices, and portals that they are pushed to.
mod notices;

/// The second store.
mod replica;

/// Files with secrets.
mod secret;

/// What windows may stop.
mod service;

/// Settings of an identity provider.
mod oidc;

/// What settings say where they say nothing.
mod settings;

/// Whether files have changed.
mod stamps;

/// From where on a change of a source is sudden.
mod sudden_change;

pub use coverage::CoverageSettings;
pub use dataset::{DatasetEncoding, DatasetKind, DatasetSettings};
pub use expiry::{ExpirySettings, LegalHoldSettings, ReaperSettings};
pub use heartbeat::HeartbeatSettings;
pub use here::{is_surely_here, may_be_here};
pub use incidents::{ContactSettings, ContactTrouble, IncidentSettings};
pub use mail::{MailSettings, MailTls};
pub use notices::{NoticeSettings, PushSettings};
pub use oidc::OidcSettings;
pub use replica::ReplicaSettings;
pub use secret::secret_line;
pub use service::{DeadlineSetting, ServiceSettings};
pub use settings::EVIDENCE_RETENTION;
pub use stamps::Stamps;
pub use sudden_change::SuddenChangeSettings;

/// `kura.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where objects are kept: `file:///…` or `s3://…`. Never holds a secret.
    pub store: String,
    /// Whom to tell of problems, shown in messages. Default: nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Threads that read, compress and seal. Default: one for each core.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// How far those threads give way to other programs, 0 to 19. Default: 10 in the service, 0 by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nice: Option<u8>,
    /// The most that a run sends in a second, KiB. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_upload_kib: Option<NonZeroU32>,
    /// Memory for sorting before it spills to disk, MiB. Default 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort_memory_mib: Option<usize>,
    /// How long evidence (`audit/…`) is locked in the store, such as `5 years`, which is the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence_retention: Option<String>,
    /// The font file of PDFs. Default: the first of Debian's that is there (docs/operations.md).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub font: Option<PathBuf>,
    /// What notices say and how early they come. Default: see [`NoticeSettings`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notices: Option<NoticeSettings>,
    /// An identity provider that people may sign in with. Default: none, passwords only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<OidcSettings>,
    /// Portals that notices are pushed to. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub push: Vec<PushSettings>,
    /// Services that windows may stop. Default: none, so that no window may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<ServiceSettings>,
    /// What a run does at the end of a window that stops nothing. Default `finish`; where services stop it is always `stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_deadline: Option<DeadlineSetting>,
    /// Mail servers that notices are sent through. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mail: Vec<MailSettings>,
    /// The credential that deletes. Default: none, so that nothing is deleted from a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reaper: Option<ReaperSettings>,
    /// The credential that sets legal holds in the bucket. Default: none, holds are kept by the ledger alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<LegalHoldSettings>,
    /// Tables that permits may name. Default: none, so that no extract can be made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dataset: Vec<DatasetSettings>,
    /// A second store that gets the same objects. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<ReplicaSettings>,
    /// How deletion is guarded. Default: see [`ExpirySettings`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<ExpirySettings>,
    /// The daily proof. Default: see [`CoverageSettings`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<CoverageSettings>,
    /// Who reports incidents to whom. Default: see [`IncidentSettings`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incidents: Option<IncidentSettings>,
    /// From where on a change of a source is sudden. Default: see [`SuddenChangeSettings`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudden_change: Option<SuddenChangeSettings>,
    /// Who is told from time to time that Kura lives. Default: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<HeartbeatSettings>,
}

/// Why a home or its settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no installation here.
    #[error("{} is not a Kura home: it has no kura.toml; make one with `kura init`", .0.display())]
    NoHome(PathBuf),
    /// There is an installation already.
    #[error("{} is a Kura home already; choose another with --home", .0.display())]
    Taken(PathBuf),
    /// A file cannot be read or written.
    #[error("cannot use {}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The settings do not parse.
    #[error("{} is not valid: {}", .path.display(), .message)]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong, with line and column.
        message: String,
    },
}

/// An installation's folder.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// A home at `path`, which need not exist.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// The default: `/var/lib/kura` for root, else `kura` in the XDG data directory.
    pub fn default_path(is_root: bool, data_home: Option<&str>, user_home: Option<&str>) -> PathBuf {
        match (is_root, data_home, user_home) {
            (false, Some(data), _) if data.starts_with('/') => Path::new(data).join("kura"),
            (false, _, Some(home)) => Path::new(home).join(".local/share/kura"),
            (_, _, _) => PathBuf::from("/var/lib/kura"),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The names of the plan files, right or not, in order.
    pub fn plan_names(&self) -> Vec<String> {
        let Ok(listing) = fs::read_dir(self.policies()) else { return Vec::new() };
        let names = listing.flatten().filter_map(|entry| {
            let path = entry.path();
            let is_plan = path.extension().is_some_and(|ending| ending == "toml");
            path.file_stem().filter(|_| is_plan).map(|stem| stem.to_string_lossy().into_owned())
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }

    /// `kura.toml`.
    pub fn settings_file(&self) -> PathBuf {
        self.0.join("kura.toml")
    }

    /// The plans.
    pub fn policies(&self) -> PathBuf {
        self.0.join("policies")
    }

    /// The catalog database.
    pub fn catalog_file(&self) -> PathBuf {
        self.0.join("catalog.sqlite")
    }

    /// A file among the host's keys.
    pub fn key_file(&self, name: &str) -> PathBuf {
        self.0.join("keys").join(name)
    }

    /// A file among a plan's local state (stat cache, journal, lock).
    pub fn state_file(&self, plan: &str, name: &str) -> PathBuf {
        self.0.join("state").join(plan).join(name)
    }

    /// Where sorters spill; unnamed files only.
    pub fn spill(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Reports of runs.
    pub fn reports(&self) -> PathBuf {
        self.0.join("reports")
    }

    /// Sealed extracts, as they wait to be fetched.
    pub fn extracts(&self) -> PathBuf {
        self.0.join("extracts")
    }

    /// Whether there is an installation.
    pub fn exists(&self) -> bool {
        self.settings_file().exists()
    }

    /// Makes the folders of a new home; refuses one that is there.
    pub fn create(&self) -> Result<(), ConfigError> {
        if self.exists() {
            return Err(ConfigError::Taken(self.0.clone()));
        }
        self.make_folders()
    }

    /// Makes the folders that are missing: in a new home, or in one that was given back without what only passes through.
    pub fn make_folders(&self) -> Result<(), ConfigError> {
        for folder in ["", "policies", "keys", "state", "tmp", "reports"] {
            make_folder(&self.0.join(folder))?;
        }
        Ok(())
    }

    /// Reads the settings.
    pub fn settings(&self) -> Result<Settings, ConfigError> {
        let path = self.settings_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(ConfigError::NoHome(self.0.clone())),
            Err(source) => return Err(ConfigError::File { path, source }),
        };
        let invalid = |message: String| ConfigError::Invalid { path: path.clone(), message };
        let settings: Settings = toml::from_str(&text).map_err(|e| invalid(e.to_string()))?;
        if let Some(text) = &settings.evidence_retention {
            let period =
                text.parse::<Retention>().map_err(|e| invalid(format!("evidence_retention: {e}")))?;
            if period.is_zero() {
                return Err(invalid(
                    "evidence_retention keeps nothing: write for example \"5 years\"".to_owned(),
                ));
            }
        }
        let zero = [("threads", settings.threads), ("sort_memory_mib", settings.sort_memory_mib)];
        if let Some((key, _)) = zero.into_iter().find(|(_, value)| *value == Some(0)) {
            return Err(invalid(format!("{key} = 0: write 1 or more, or leave the line out")));
        }
        if let Some(nice) = settings.nice.filter(|nice| *nice > 19) {
            return Err(invalid(format!("nice = {nice}: write 0 to 19, or leave the line out")));
        }
        if let Some(problem) = dataset::problem(&settings.dataset) {
            return Err(invalid(problem));
        }
        if let Some(bad) = settings.service.iter().find(|service| service.service().is_none()) {
            let name = &bad.name;
            let words =
                "give it stop = [\"program\", …] and start = [\"program\", …], or manual = true and neither";
            return Err(invalid(format!("[[service]] {name}: {words}")));
        }
        Ok(settings)
    }

    /// Writes the settings of a new home, last of all: a home counts only once they are there.
    pub fn write_settings(&self, settings: &Settings) -> Result<(), ConfigError> {
        let path = self.settings_file();
        let body = toml::to_string(settings)
            .map_err(|e| ConfigError::Invalid { path: path.clone(), message: e.to_string() })?;
        let text = format!("# Kura's settings. Every key is described in docs/operations.md.\n{body}");
        write_new(&path, text.as_bytes(), 0o644)
    }
}

/// Makes a folder that only its owner may enter, if it is not there.
pub fn make_folder(path: &Path) -> Result<(), ConfigError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| ConfigError::File { path: path.to_owned(), source })
}

/// Writes a file that must not be there yet, durably.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), ConfigError> {
    let write = || -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| ConfigError::File { path: path.to_owned(), source })
}

/// Puts a file in the place of another, durably: at every moment one of them is there whole.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), ConfigError> {
    let mut next = path.as_os_str().to_owned();
    next.push(".next");
    let next = PathBuf::from(next);
    let put = || -> io::Result<()> {
        match fs::remove_file(&next) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            Ok(()) | Err(_) => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&next)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&next, path)?;
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    };
    put().map_err(|source| ConfigError::File { path: path.to_owned(), source })
}

/// Reads a small file.
pub fn read_file(path: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(path).map_err(|source| ConfigError::File { path: path.to_owned(), source })
}

/// A variable of the environment; `None` if it is missing, empty or not UTF-8.
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
