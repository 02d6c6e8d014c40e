//! Programs in Python that check what Kura says from outside, with packages of `tests/support/python-tools.sh`.

use std::path::Path;
use std::process::Command;

/// Runs a script of `tests/support` with a list of packages; it must find nothing wrong. Gives what it said.
pub(crate) fn check((list, script): (&str, &str), argument: &Path) -> String {
    let support = Path::new(crate::support::ROOT).join("tests/support");
    let tools = Command::new("bash").arg(support.join("python-tools.sh")).args(["path", list]).output();
    let tools = tools.expect("bash runs");
    let said = String::from_utf8_lossy(&tools.stderr);
    assert!(
        tools.status.success(),
        "the checking packages cannot be installed, and this test needs them:\n{said}"
    );
    let tools = String::from_utf8(tools.stdout).expect("a path");
    let output = Command::new("python3")
        .arg("-B")
        .arg(support.join(script))
        .arg(argument)
        .env("PYTHONPATH", tools.trim())
        .output()
        .expect("python3 runs");
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{script} finds faults:\n{said}");
    said
}
