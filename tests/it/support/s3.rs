//! The S3 server of the tests: the one that the environment names, else one that all test processes share.
//!
//! `tests/support/s3-server.sh` installs and starts it. A server that does not start fails the test.

use std::fs::{File, create_dir_all};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials as KeyPair, Region};
use kura::clock::random_bytes;
use kura::vault::s3::{Credentials, S3Settings, S3Vault};
use kura::vault::{BucketUrl, Patience, StoreUrl};
use rustix::fs::{FlockOperation, flock};

/// A running S3 server with a plain bucket, a bucket with Object Lock and three identities.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
    pub(crate) lock_bucket: String,
    /// May do everything, as `key:secret`.
    pub(crate) admin: String,
    /// May write and lock.
    pub(crate) writer: String,
    /// May only read.
    pub(crate) reader: String,
    /// Says that this process uses a shared server, until the process ends.
    _use: Option<File>,
}

/// The server; started if there is none.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let from_environment = |name: &str| {
            #[expect(clippy::disallowed_methods, reason = "tests have no configuration file")]
            std::env::var(name).ok()
        };
        if from_environment("KURA_TEST_S3_ENDPOINT").is_some() {
            Server::of(|name| from_environment(name).unwrap_or_else(|| panic!("{name} is not set")), None)
        } else {
            shared_server()
        }
    })
}

fn shared_server() -> Server {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("s3");
    create_dir_all(&folder).expect("the tests' folder can be made");
    let user = File::options().create(true).append(true).open(folder.join("users")).expect("the lock opens");
    flock(&user, FlockOperation::LockShared).expect("the lock can be had");
    let settings = script("share", &folder);
    Server::of(|name| value_of(&settings, name), Some(user))
}

impl Server {
    fn of(value: impl Fn(&str) -> String, user: Option<File>) -> Self {
        Self {
            endpoint: value("KURA_TEST_S3_ENDPOINT"),
            bucket: value("KURA_TEST_S3_BUCKET"),
            lock_bucket: value("KURA_TEST_S3_LOCK_BUCKET"),
            admin: value("KURA_TEST_S3_ADMIN"),
            writer: value("KURA_TEST_S3_WRITER"),
            reader: value("KURA_TEST_S3_READER"),
            _use: user,
        }
    }

    /// A vault in the plain bucket, or behind a proxy.
    pub(crate) async fn vault(&self, endpoint: &str) -> S3Vault {
        let address = address(&self.bucket, endpoint);
        S3Vault::open(&address, &settings(&self.writer)).await.expect("the bucket opens")
    }
}

/// A server for one test alone, which stops and starts its process.
pub(crate) struct PrivateServer {
    folder: tempfile::TempDir,
    pub(crate) server: Server,
}

impl PrivateServer {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = script("start", folder.path());
        Self { folder, server: Server::of(|name| value_of(&settings, name), None) }
    }

    /// Ends its process at once.
    pub(crate) fn stop(&self) {
        let done = Command::new("bash").arg(SCRIPT).arg("stop").arg(self.folder.path()).arg("KILL").status();
        assert!(done.expect("bash runs").success());
    }

    /// Starts it on the same data, at the same address.
    pub(crate) fn start_again(&self) {
        script("start", self.folder.path());
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        self.stop();
    }
}

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/support/s3-server.sh");

/// Runs a command of the script on a server's folder; gives what it prints.
fn script(command: &str, folder: &Path) -> String {
    let started = Command::new("bash").arg(SCRIPT).arg(command).arg(folder).output().expect("bash runs");
    let said = String::from_utf8_lossy(&started.stderr);
    assert!(started.status.success(), "the S3 server did not start, and these tests need it:\n{said}");
    String::from_utf8(started.stdout).expect("settings are text")
}

fn value_of(settings: &str, name: &str) -> String {
    let mut words = settings.split_whitespace().filter_map(|word| word.split_once('='));
    let found = words.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned());
    found.unwrap_or_else(|| panic!("the script did not print {name}"))
}

/// The address of a part of a bucket that no other test uses, at an endpoint (a proxy's, perhaps).
pub(crate) fn address(bucket: &str, endpoint: &str) -> BucketUrl {
    let mut name = [0; 8];
    random_bytes(&mut name);
    let text = format!("s3://{bucket}/{}?endpoint={endpoint}&region=us-east-1", hex::encode(name));
    match text.parse() {
        Ok(StoreUrl::Bucket(address)) => address,
        other => panic!("{text}: {other:?}"),
    }
}

/// Settings for one identity, impatient enough for a test.
pub(crate) fn settings(identity: &str) -> S3Settings {
    let (access_key_id, secret) = identity.split_once(':').expect("key:secret");
    S3Settings {
        credentials: Credentials::Keys {
            access_key_id: access_key_id.to_owned(),
            secret_access_key: secret.to_owned().into(),
        },
        attempt_timeout: Duration::from_secs(2),
        stall_grace: Duration::from_secs(1),
        slowest_bytes_per_second: 8 << 20,
        patience: Patience {
            tries_max: 5,
            first_wait: Duration::from_millis(20),
            wait_max: Duration::from_millis(200),
            total_max: Duration::from_secs(20),
        },
        ..S3Settings::default()
    }
}

/// A client that is not Kura's, for looking behind its back.
pub(crate) fn stock_client(server: &Server) -> Client {
    client_of(server, &server.admin)
}

/// The same for somebody else, as `key:secret`.
pub(crate) fn client_of(server: &Server, identity: &str) -> Client {
    let (key, secret) = identity.split_once(':').expect("key:secret");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(&server.endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(KeyPair::new(key, secret, None, None, "test"))
        .force_path_style(true)
        .build();
    Client::from_conf(config)
}
