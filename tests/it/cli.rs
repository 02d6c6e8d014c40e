//! The real program in a folder of its own: what it prints, what it leaves, how it ends.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// `kura init` and `kura key`.
mod init;

/// `kura key ceremony`, `rotate`, `wrap` and `adopt`; hardware keys.
mod keys;

/// `kura plan`.
mod plan;

/// `kura restore`.
mod restore;

/// `kura ls`, `find`, `diff`, `cat`, `verify` and `catalog rebuild`.
mod browse;

/// Databases: `kura plan check` and `kura restore --to-postgres`.
mod databases;

/// `kura quickstart` and the first steps of the README.
mod quickstart;

/// `kura account`, `kura token` and `kura audit`.
mod accounts;

/// `kura expire`, `kura hold` and `kura certificate`.
mod expire;

/// `kura erase`.
mod erase;

/// Incidents, statements, runbooks.
mod incident;

/// Monitoring, records of work, the inventory.
mod records;

/// `kura serve`.
mod serve;

/// `kura window`, `kura notice`, and the gate before `kura snapshot`.
mod windows;

/// `kura permit`.
mod permit;

/// `kura snapshot` and `kura snapshots`.
mod snapshot;

/// Usage errors, help, completions, manual pages.
mod usage;

/// `kura coverage`.
mod coverage;

/// `kura report`.
mod report;

/// The commands of the runbooks.
mod runbooks;

/// `kura verify` as a daily check, and the mistakes around it.
mod verify;

/// Kura's own records, and an installation that comes back from them.
mod own;

/// A user that owns nothing.
const NOBODY: u32 = 65534;

/// The password of every account in these tests.
const PASSWORD: &str = "correct-Horse7battery";

/// What a run of the program gave.
struct Ran {
    code: i32,
    out: String,
    /// The same as it came, for what is no text.
    bytes: Vec<u8>,
    err: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            bytes: output.stdout.clone(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Stops the test unless the program ended with this code.
    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\nstdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}:\n{}", self.out))
    }
}

/// A folder with a home, a store and a source, all of them missing at first.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder for the test") }
    }

    /// A place with an installation and the plan `records` of a source with two files.
    fn with_plan() -> Self {
        let place = Self::new();
        place.init().ends(0);
        place.write("source/one.txt", "one");
        place.write("source/deep/two.txt", "two");
        place.plan("records", &place.source_plan("records"));
        place
    }

    /// The same with a snapshot taken.
    fn with_snapshot() -> Self {
        let place = Self::with_plan();
        place.kura(&["snapshot", "records"]).ends(0);
        place
    }

    /// Runs the program with the recovery key and the store alone: there is no home.
    fn bare(&self, arguments: &[&str]) -> Ran {
        let (store, none) = (self.store(), self.text("no-home"));
        let more = ["--store", &store, "--identity", "recovery.key", "--home", &none];
        self.kura(&[arguments, &more[..]].concat())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    fn store(&self) -> String {
        format!("file://{}", self.text("store"))
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }

    fn plan(&self, name: &str, text: &str) {
        self.write(&format!("home/policies/{name}.toml"), text);
    }

    fn source_plan(&self, name: &str) -> String {
        let source = self.text("source");
        format!(
            "name = \"{name}\"\nclass = \"system\"\n[[source]]\nkind = \"directory\"\npath = \"{source}\"\n"
        )
    }

    fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("KURA_HOME", self.path("home")).args(arguments).current_dir(self.dir.path());
        command
    }

    fn kura(&self, arguments: &[&str]) -> Ran {
        let program = Path::new(env!("CARGO_BIN_EXE_kura"));
        Ran::of(&self.command(program, arguments).output().expect("the program starts"))
    }

    /// Runs the program as the holder of an account, whose password is `PASSWORD`.
    fn kura_as(&self, account: &str, arguments: &[&str]) -> Ran {
        self.kura_with(account, PASSWORD, None, arguments)
    }

    /// The same with another password, and a code.
    fn kura_with(&self, account: &str, password: &str, code: Option<&str>, arguments: &[&str]) -> Ran {
        self.write("password", password);
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_kura")), arguments);
        command.env("KURA_PASSWORD_FILE", self.path("password"));
        if !account.is_empty() {
            command.env("KURA_ACCOUNT", account);
        }
        if let Some(code) = code {
            self.write("code", code);
            command.env("KURA_CODE_FILE", self.path("code"));
        }
        Ran::of(&command.output().expect("the program starts"))
    }

    /// Runs the program with a token.
    fn kura_with_token(&self, token: &str, arguments: &[&str]) -> Ran {
        self.write("token", token);
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_kura")), arguments);
        command.env("KURA_TOKEN_FILE", self.path("token"));
        Ran::of(&command.output().expect("the program starts"))
    }

    /// Adds an account with `PASSWORD`, as its holder would find it after the first change.
    fn add_account(&self, by: &str, account: &str, role: &str) {
        self.write("first", "first!Pass-word-77");
        self.write("new", PASSWORD);
        let first = self.text("first");
        if by.is_empty() {
            let new = self.text("new");
            self.kura(&["account", "add", account, "--role", role, "--password-file", &new]).ends(0);
            return;
        }
        let add = ["account", "add", account, "--role", role, "--password-file", &first];
        self.kura_as(by, &add).ends(0);
        let change = ["account", "password", account, "--new-password-file", &self.text("new")];
        self.kura_with(account, "first!Pass-word-77", None, &change).ends(0);
    }

    fn init(&self) -> Ran {
        self.kura(&["init", "--store", &self.store(), "--new-recovery-key", &self.text("recovery.key")])
    }

    /// Runs the program as a user for whom rights count: root may read everything.
    fn kura_as_nobody(&self, arguments: &[&str]) -> Ran {
        if !rustix::process::geteuid().is_root() {
            return self.kura(arguments);
        }
        let program = self.path("kura");
        std::fs::copy(env!("CARGO_BIN_EXE_kura"), &program).expect("a copy of the program");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("rights");
        give_away(self.dir.path());
        let output = self.command(&program, arguments).uid(NOBODY).gid(NOBODY).output();
        Ran::of(&output.expect("the program starts"))
    }
}

fn give_away(path: &Path) {
    std::os::unix::fs::lchown(path, Some(NOBODY), Some(NOBODY)).expect("root may give files away");
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("a folder") {
            give_away(&entry.expect("an entry").path());
        }
    }
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}
