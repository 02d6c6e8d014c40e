//! `kura quickstart`: the main job from keys to a checked restore, on a folder or on made-up records.
//!
//! Every step is the workflow that real work uses. Only the approval is played, and the line says so.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant as Watch;

use clap::Args;

use crate::app::App;
use crate::clock::Clock as _;
use crate::config::{ConfigError, make_folder};
use crate::domain::retention::{self, Retention};
use crate::domain::time::Zone;
use crate::workflows::Progress;
use crate::workflows::choice::Wanted;
use crate::workflows::init::{self, NewInstallation};
use crate::workflows::quickstart::{self as demonstration, Comparison, Layout, Origin, Size, TreeError};
use crate::workflows::restore::{self, Owners};
use crate::workflows::store::{self, StoreUrl};
use crate::workflows::take_snapshot;
use crate::workflows::verify::{self, Viewer};

use super::commands::Global;
use super::exit::Exit;
use super::failure::Failure;
use super::opening::Place;
use super::progress::Display;
use super::quickstart_words::{self as words, Steps};
use super::snapshots::short;
use super::words::{counted, print, print_json, size, tell};

/// The demonstration's folder, if no home is named.
const FOLDER: &str = "kura-demo";

/// Show the main job on a folder or on made-up records: keys, plan, snapshots, restore, check.
#[derive(Debug, Args)]
#[command(
    after_help = "Everything is made in ./kura-demo (or --home DIR), which must be missing or empty; remove that folder\n\
                  afterwards and nothing is left. DIR is only read: up to 2 GiB are copied, and the copy is protected;\n\
                  a larger folder is protected where it lies. Exit code 0: every file came back as it was."
)]
pub(super) struct Arguments {
    /// What to protect [default: about 70 made-up Japanese records].
    dir: Option<PathBuf>,
}

/// What the steps share.
struct Demonstration<'a> {
    app: App,
    global: &'a Global,
    layout: Layout,
    origin: Origin,
    /// What the plan protects: the copy, or the user's folder if that is large.
    source: PathBuf,
    is_copy: bool,
    left_out: u64,
    steps: Steps,
}

pub(super) async fn run(app: &App, global: &Global, arguments: Arguments) -> Result<Exit, Failure> {
    let named = global.home.clone().unwrap_or_else(|| PathBuf::from(FOLDER));
    let home = std::path::absolute(&named).map_err(Failure::file("use", &named))?;
    let given = arguments.dir.as_deref().map(|dir| source_folder(dir, &home)).transpose()?;
    refuse_what_is_there(&home, &named)?;
    let mut app = app.clone();
    app.home = crate::config::Home::at(home.clone());
    let layout = Layout::below(&home);
    let origin = if given.is_some() { Origin::Given } else { Origin::Sample };
    let steps = Steps::begin(!global.json && !global.quiet);
    let source = layout.source.clone();
    let mut demonstration =
        Demonstration { app, global, layout, origin, source, is_copy: true, left_out: 0, steps };
    let (first, second, verdict, verified) = demonstration.play(given.as_deref()).await?;
    let d = &demonstration;
    let told = words::Told {
        home: &named,
        at: &home,
        layout: &d.layout,
        plan: d.origin.plan_name(),
        source: &d.source,
        first: &first,
        second: &second,
        comparison: &verdict,
        left_out: d.left_out,
        is_verified: verified.problems.is_empty(),
    };
    if global.json {
        print_json(&told.as_json(&d.steps))?;
    } else {
        print(&told.in_words(&d.steps))?;
    }
    for line in verdict.wrong.iter().take(words::NAMES_MAX) {
        tell(&format!("kura: differs: {line}"));
    }
    for problem in verified.problems.iter().take(words::NAMES_MAX) {
        tell(&format!("kura: wrong: {}: {}", problem.object, problem.what));
    }
    Ok(if !told.is_right() {
        Exit::Failed
    } else if told.unread() > 0 {
        Exit::Partial
    } else {
        Exit::Done
    })
}

/// The user's folder by its real path; the demonstration must not lie in it.
fn source_folder(dir: &Path, home: &Path) -> Result<PathBuf, Failure> {
    let real = dir.canonicalize().map_err(Failure::file("read the folder", dir))?;
    if !real.is_dir() {
        return Err(Failure::Usage(format!("{} is no folder: name the folder to protect", dir.display())));
    }
    // The home need not exist yet: its nearest ancestor that does says where it really is.
    let there = home.ancestors().find_map(|folder| folder.canonicalize().ok());
    if there.is_some_and(|there| there.starts_with(&real)) {
        return Err(Failure::Usage(format!(
            "{} lies in {}, which is only read: name another place with --home DIR",
            home.display(),
            real.display()
        )));
    }
    Ok(real)
}

/// A demonstration begins in a folder of its own.
fn refuse_what_is_there(home: &Path, named: &Path) -> Result<(), Failure> {
    if home.join("kura.toml").exists() {
        return Err(ConfigError::Taken(named.to_owned()).into());
    }
    let is_used = match std::fs::read_dir(home) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => home.symlink_metadata().is_ok(),
    };
    if is_used {
        return Err(Failure::Failed(format!(
            "{} is there and not empty: name another folder with --home DIR, or remove it",
            named.display()
        )));
    }
    Ok(())
}

impl From<TreeError> for Failure {
    fn from(error: TreeError) -> Self {
        Self::File { act: error.act, path: error.path, source: error.source }
    }
}

type Played = (take_snapshot::Summary, take_snapshot::Summary, Comparison, verify::Report);

impl Demonstration<'_> {
    /// All steps in their order.
    async fn play(&mut self, given: Option<&Path>) -> Result<Played, Failure> {
        self.make_keys().await?;
        self.prepare_source(given)?;
        self.write_plan()?;
        let first = self.snapshot("first snapshot").await?;
        self.change_copy()?;
        let second = self.snapshot("second snapshot").await?;
        self.restore().await?;
        let verdict = self.compare()?;
        let verified = self.verify().await?;
        Ok((first, second, verdict, verified))
    }

    async fn make_keys(&mut self) -> Result<(), Failure> {
        let watch = Watch::now();
        make_folder(self.app.home.path())?;
        make_folder(&self.layout.offline)?;
        let address = StoreUrl::Directory(self.layout.store.clone());
        let report = Box::pin(store::create_and_probe(&address, &self.app.clock)).await?;
        if !report.usable {
            let lines = super::store::lines(&report);
            return Err(Failure::Failed(format!("the disk does not do what backups need:\n{lines}")));
        }
        let new = NewInstallation {
            home: self.app.home.clone(),
            store: address,
            recipients: Vec::new(),
            new_recovery_key: Some(self.layout.recovery_key()),
            passphrase: None,
            root_key: None,
        };
        let made = Box::pin(init::init(new, &self.app.clock)).await?;
        let words = format!("recovery key and root key in offline/, root {}", made.root_fingerprint);
        self.steps.done("keys", &words, watch)
    }

    fn prepare_source(&mut self, given: Option<&Path>) -> Result<(), Failure> {
        let watch = Watch::now();
        let how = match given {
            None => {
                demonstration::write_sample(&self.source, self.app.clock.now())?;
                "made-up records of the last 7 days, written to source/".to_owned()
            }
            Some(dir) if demonstration::measure(dir).bytes > demonstration::COPY_BYTES_MAX => {
                (self.source, self.is_copy) = (dir.to_owned(), false);
                "more than 2 GiB: read where it lies, neither copied nor changed".to_owned()
            }
            Some(dir) => {
                self.left_out = demonstration::copy(dir, &self.source)?;
                format!("{} copied to source/; only the copy is changed", dir.display())
            }
        };
        let Size { files, bytes } = demonstration::measure(&self.source);
        let words = format!("{}, {}: {how}", counted(files, "file"), size(bytes));
        self.steps.done("source", &words, watch)
    }

    fn write_plan(&mut self) -> Result<(), Failure> {
        let watch = Watch::now();
        let name = self.origin.plan_name();
        let text = self.origin.plan_text(&self.source).ok_or_else(|| {
            Failure::Usage("the path of the source is not UTF-8: a plan cannot name it".to_owned())
        })?;
        let file = self.app.plan_file(name);
        demonstration::write_plan(&file, &text)?;
        self.app.plan(name)?;
        let zone = Zone::named("Asia/Tokyo").map_err(|e| Failure::Failed(e.to_string()))?;
        let today = zone.day_of(self.app.clock.now());
        let words = match self.origin {
            Origin::Sample => {
                let until = retention::kept(Retention::Years(1), today).delete_from;
                format!(
                    "policies/{name}.toml: filed by the day sent; what is sent today may be deleted from {until}"
                )
            }
            Origin::Given => {
                format!("policies/{name}.toml: system data, filed by month, kept a year after the month ends")
            }
        };
        self.steps.done("plan", &words, watch)?;
        self.steps.done(
            "approval",
            "approved as a demonstration; in earnest the 医師会 decides",
            Watch::now(),
        )
    }

    async fn snapshot(&mut self, step: &'static str) -> Result<take_snapshot::Summary, Failure> {
        let watch = Watch::now();
        let host = self.app.host(None).await?;
        let catalog = self.app.catalog().await?;
        let request = take_snapshot::Request {
            plan: self.app.plan(self.origin.plan_name())?,
            event: "adhoc".to_owned(),
            reason: Some("kura quickstart".to_owned()),
            reread: false,
        };
        let (progress, display) = self.begin();
        let outcome = take_snapshot::take_snapshot(&host, &catalog, &request, &self.app.clock, &progress);
        let outcome = Box::pin(outcome).await;
        drop(display);
        catalog.close().await;
        let taken = outcome?;
        let words = format!(
            "{}: {}, {}; {} stored",
            short(&taken.snapshot.to_string()),
            counted(taken.files, "file"),
            size(taken.bytes),
            size(taken.new_bytes_stored)
        );
        self.steps.done(step, &words, watch)?;
        Ok(taken)
    }

    fn begin(&self) -> (Arc<Progress>, Display) {
        let progress = Arc::new(Progress::default());
        let display = Display::begin(&progress, self.global.quiet || self.global.json);
        (progress, display)
    }

    fn change_copy(&mut self) -> Result<(), Failure> {
        let watch = Watch::now();
        if !self.is_copy {
            return self.steps.done("changes", "none: your folder is never changed", watch);
        }
        let changed = u64::try_from(demonstration::change(&self.source)?).unwrap_or(0);
        let words = format!("{} of the copy changed, 1 added", counted(changed, "file"));
        self.steps.done("changes", &words, watch)
    }

    async fn restore(&mut self) -> Result<(), Failure> {
        let watch = Watch::now();
        let opened = Place::of_home().open(&self.app, &self.layout.recovery_key()).await?;
        let request = restore::Request {
            wanted: Wanted::Latest,
            patterns: Vec::new(),
            to: self.layout.restored.clone(),
            sent: None,
            in_place: false,
            sync: false,
            dry_run: false,
            owners: Owners::Usual,
            expect_head: None,
        };
        let (progress, display) = self.begin();
        let now = self.app.clock.now();
        let outcome = Box::pin(restore::restore(opened, &request, now, &progress)).await;
        drop(display);
        let done = outcome?;
        let words = format!(
            "{}, {} from the store to restored/, with the recovery key",
            counted(done.files, "file"),
            size(done.bytes)
        );
        self.steps.done("restore", &words, watch)
    }

    fn compare(&mut self) -> Result<Comparison, Failure> {
        let watch = Watch::now();
        let found = demonstration::compare(&self.source, &self.layout.restored)?;
        let same = format!("{}, {}", counted(found.right, "file"), size(found.bytes));
        let words = match found.wrong.len() {
            0 => format!("{same}: the same in bytes (BLAKE3), rights and times"),
            wrong => format!("{wrong} differ, {same} are the same"),
        };
        self.steps.done("comparison", &words, watch)?;
        Ok(found)
    }

    async fn verify(&mut self) -> Result<verify::Report, Failure> {
        let watch = Watch::now();
        let opened = Place::of_home().open(&self.app, &self.layout.recovery_key()).await?;
        let viewer = Arc::new(Viewer::of_opened(opened)?);
        let request = verify::Request {
            plan: None,
            read: Some((1, 1)),
            known: verify::Known::default(),
            now: self.app.clock.now(),
        };
        let (progress, display) = self.begin();
        let outcome = Box::pin(verify::verify(viewer, &request, &progress)).await;
        drop(display);
        let report = outcome?;
        let words = format!(
            "{}, {} ({}) opened, {} wrong",
            counted(report.snapshots, "snapshot"),
            counted(report.opened_packs, "pack"),
            size(report.read_bytes),
            report.problems.len()
        );
        self.steps.done("verify", &words, watch)?;
        Ok(report)
    }
}
