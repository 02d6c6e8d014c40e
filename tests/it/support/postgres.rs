//! A PostgreSQL server for tests, with a database for each of them.

use std::fs::{File, create_dir_all};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use rustix::fs::{FlockOperation, flock};

/// The server.
struct Server {
    socket: String,
    port: String,
    /// Says that this process uses a shared server, until the process ends.
    _use: Option<File>,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let from_environment = |name: &str| {
            #[expect(clippy::disallowed_methods, reason = "tests have no configuration file")]
            std::env::var(name).ok()
        };
        let found =
            from_environment("KURA_TEST_POSTGRES_SOCKET").zip(from_environment("KURA_TEST_POSTGRES_PORT"));
        match found {
            Some((socket, port)) => Server { socket, port, _use: None },
            None => shared(),
        }
    })
}

fn shared() -> Server {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres");
    create_dir_all(&folder).expect("the tests' folder can be made");
    let user = File::options().create(true).append(true).open(folder.join("users")).expect("the lock opens");
    flock(&user, FlockOperation::LockShared).expect("the lock can be had");
    let script = Path::new(crate::support::ROOT).join("tests/support/postgres.sh");
    let started = Command::new("bash").arg(script).arg("share").arg(&folder).output().expect("bash runs");
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(started.status.success(), "PostgreSQL did not start, and these tests need it:\n{said}");
    let (socket, port) = printed(started.stdout);
    Server { socket, port, _use: Some(user) }
}

/// Socket and port, from the `export` lines of the script.
fn printed(lines: Vec<u8>) -> (String, String) {
    let settings = String::from_utf8(lines).expect("settings are text");
    let value = |name: &str| {
        let mut words = settings.split_whitespace().filter_map(|word| word.split_once('='));
        let found = words.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
        found.unwrap_or_else(|| panic!("the script did not print {name}"))
    };
    (value("KURA_TEST_POSTGRES_SOCKET"), value("KURA_TEST_POSTGRES_PORT"))
}

/// A server that follows the tests' server, and cancels whoever reads what it must remove.
pub(crate) struct Replica {
    folder: tempfile::TempDir,
    pub(crate) socket: String,
    pub(crate) port: String,
}

impl Replica {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let script = Path::new(crate::support::ROOT).join("tests/support/postgres.sh");
        let mut bash = Command::new("bash");
        bash.arg(script).args(["replica", &server().socket, &server().port]).arg(folder.path());
        let started = bash.output().expect("bash runs");
        assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
        let (socket, port) = printed(started.stdout);
        Self { folder, socket, port }
    }

    /// The keys of a source's connection.
    pub(crate) fn source(&self, database: &Database) -> String {
        let own = |line: &str| match line.split_once(" = ") {
            Some(("host", _)) => format!("host = {:?}\n", self.socket),
            Some(("port", _)) => format!("port = {}\n", self.port),
            _ => format!("{line}\n"),
        };
        database.source().lines().map(own).collect()
    }

    /// Waits until it has what the server has.
    pub(crate) fn catch_up(&self, database: &Database) {
        let at = database.run("SELECT pg_current_wal_lsn()");
        let arrived = format!("SELECT pg_last_wal_replay_lsn() >= '{}'", at.trim());
        while run_at((&self.socket, &self.port), &database.name, &arrived).trim() != "t" {}
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let script = Path::new(crate::support::ROOT).join("tests/support/postgres.sh");
        drop(Command::new("bash").arg(script).arg("stop").arg(self.folder.path()).output());
    }
}

/// A database of its own, dropped at the end.
pub(crate) struct Database {
    pub(crate) name: String,
}

impl Database {
    /// A copy of the fixture.
    pub(crate) fn new() -> Self {
        Self::made(" TEMPLATE kura_fixture STRATEGY file_copy")
    }

    /// A copy of this one as it stands.
    pub(crate) fn copied(&self) -> Self {
        Self::made(&format!(" TEMPLATE {} STRATEGY file_copy", self.name))
    }

    /// One with nothing in it.
    pub(crate) fn empty() -> Self {
        Self::made("")
    }

    fn made(how: &str) -> Self {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let name = format!("kura_{}_{number}", std::process::id());
        // Two tests that copy the fixture at the same time stand in each other's way: the one waits for the other.
        let make = format!(
            "SELECT pg_advisory_lock(1) \\g /dev/null\nDROP DATABASE IF EXISTS {name};\nCREATE DATABASE {name}{how};"
        );
        run_psql("postgres", &make);
        Self { name }
    }

    /// Runs statements as the superuser and gives what they answer.
    pub(crate) fn run(&self, statements: &str) -> String {
        run_psql(&self.name, statements)
    }

    /// The folder of the server's socket.
    pub(crate) fn socket(&self) -> &'static str {
        &server().socket
    }

    /// The server's port.
    pub(crate) fn port(&self) -> &'static str {
        &server().port
    }

    /// The keys of a source's connection.
    pub(crate) fn source(&self) -> String {
        format!(
            "[[source]]\nkind = \"postgresql\"\nname = \"emr\"\nhost = {:?}\nport = {}\ndatabase = {:?}\n\
             user = \"kura_backup\"\n",
            self.socket(),
            self.port(),
            self.name
        )
    }

    /// Everything in it, as `pg_dump` writes it, with the rows of each table sorted.
    pub(crate) fn dump(&self) -> String {
        let mut dumped = Command::new(bin("pg_dump"));
        dumped.args(["-h", self.socket(), "-p", self.port(), "-U", "postgres", "-d", &self.name]);
        let output = dumped.output().expect("pg_dump runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        let (mut lines, mut rows): (Vec<String>, Option<Vec<String>>) = (Vec::new(), None);
        for line in
            text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
        {
            match &mut rows {
                Some(held) if line == "\\." => {
                    held.sort();
                    lines.append(held);
                    lines.push(line.to_owned());
                    rows = None;
                }
                Some(held) => held.push(line.to_owned()),
                None => {
                    if line.starts_with("COPY ") && line.ends_with("FROM stdin;") {
                        rows = Some(Vec::new());
                    }
                    lines.push(line.to_owned());
                }
            }
        }
        lines.join("\n")
    }

    /// Runs a file of a backup with `psql`, in a folder.
    pub(crate) fn load(&self, folder: &Path, file: &str) -> String {
        let mut psql = Command::new(bin("psql"));
        psql.args(["-X", "-q", "-h", self.socket(), "-p", self.port(), "-U", "postgres", "-d", &self.name]);
        let output =
            psql.args(["-v", "ON_ERROR_STOP=1", "-f", file]).current_dir(folder).output().expect("psql");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{file}: {said}");
        said
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            run_psql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
        }
    }
}

/// A program of PostgreSQL.
pub(crate) fn bin(name: &str) -> std::path::PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let newest = versions.filter_map(|entry| Some(entry.ok()?.path())).max().expect("a version");
    newest.join("bin").join(name)
}

fn run_psql(database: &str, statements: &str) -> String {
    run_at((&server().socket, &server().port), database, statements)
}

fn run_at((socket, port): (&str, &str), database: &str, statements: &str) -> String {
    use std::io::Write as _;
    let mut psql = Command::new(bin("psql"));
    psql.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1", "-f", "-"]);
    psql.args(["-h", socket, "-p", port, "-U", "postgres", "-d", database]);
    psql.stdin(std::process::Stdio::piped());
    psql.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = psql.spawn().expect("psql runs");
    child.stdin.take().expect("a pipe").write_all(statements.as_bytes()).expect("psql reads");
    let output = child.wait_with_output().expect("psql ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{statements}\n{said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}
