//! A part of the machine that a test has for itself: its own file systems, its own network, its own credentials.
//!
//! The test starts its own program again inside of it (as root of a user namespace) and runs itself there. Where the
//! machine allows no namespaces the test fails; it is not skipped.

use std::process::Command;

/// What a test has for itself.
#[derive(Clone, Copy)]
pub(crate) enum Own<'a> {
    /// Its mounts.
    Mounts,
    /// Its network, with nothing in it.
    Network,
    /// The credentials for buckets in its environment, as `key:secret`.
    Credentials(&'a str),
}

/// Set inside.
const INSIDE: &str = "KURA_TEST_INSIDE";

/// Whether this is the inside. Outside, the test is run inside and has to end well there; then nothing is left to do.
pub(crate) fn is_inside(own: Own<'_>, test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let program = std::env::current_exe().expect("the program of this test");
    let unshare = |what: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", what, "--"]).arg(&program);
        command
    };
    let mut command = match own {
        Own::Mounts => unshare("--mount"),
        Own::Network => unshare("--net"),
        Own::Credentials(pair) => {
            let (key, secret) = pair.split_once(':').expect("key:secret");
            let mut command = Command::new(&program);
            command.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", secret);
            command
        }
    };
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
    let output = command.output().expect("unshare (util-linux)");
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success() && said.contains("1 passed"), "inside: {said}");
    false
}
