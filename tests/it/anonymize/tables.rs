//! Building problems for the engine, and the tables of `tests/support/extract-data.sh`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kura::anonymize::evaluate::{Problem, Quasi, Sensitive};
use kura::anonymize::hierarchy::Hierarchy;
use kura::anonymize::metric::Metric;
use kura::anonymize::number::Ratio;
use kura::anonymize::rules::Rules;

/// A table column by column.
pub(super) type Table = Vec<Vec<String>>;

fn tests() -> PathBuf {
    Path::new(crate::support::ROOT).join("tests")
}

/// Reads `adult` or `census`, column by column.
pub(super) fn table(name: &str) -> Table {
    let script = tests().join("support/extract-data.sh");
    let output = Command::new("bash").arg(script).arg("path").output().expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the tables cannot be fetched, and this test needs them:\n{said}");
    let folder = String::from_utf8(output.stdout).expect("a path");
    let text = fs::read_to_string(Path::new(folder.trim()).join(format!("{name}.csv"))).expect("is there");
    let mut columns = Table::new();
    for line in text.lines() {
        for (place, cell) in line.split(';').enumerate() {
            if columns.len() <= place {
                columns.push(Vec::new());
            }
            columns[place].push(cell.to_owned());
        }
    }
    columns
}

/// Reads a hierarchy of `tests/it/fixtures/extracts`.
pub(super) fn hierarchy(name: &str) -> Hierarchy {
    let file = tests().join("it/fixtures/extracts").join(format!("{name}.csv"));
    let text = fs::read_to_string(&file).expect(name);
    let lines: Vec<Vec<String>> =
        text.lines().map(|line| line.split(';').map(str::to_owned).collect()).collect();
    Hierarchy::from_lines(&lines).expect(name)
}

/// A column with its hierarchy.
pub(super) fn quasi(column: &[String], hierarchy: Hierarchy) -> Quasi {
    let leaves = column.iter().map(|value| hierarchy.leaf(value).expect("is in the hierarchy")).collect();
    Quasi { leaves, hierarchy }
}

/// A sensitive column; its values in the order of their texts.
pub(super) fn sensitive(column: &[String]) -> Sensitive {
    let mut known: BTreeMap<&str, u32> = column.iter().map(|value| (value.as_str(), 0)).collect();
    (0..).zip(known.values_mut()).for_each(|(code, value)| *value = code);
    Sensitive { codes: column.iter().map(|value| known[value.as_str()]).collect(), values: known.len() }
}

/// A problem in which each row is a person.
pub(super) fn problem(quasi: Vec<Quasi>, k: u64, suppression: &str, metric: Metric) -> Problem {
    let rules = Rules { k, suppression: ratio(suppression), models: Vec::new() };
    let rows = quasi.first().map_or(0, |column| column.leaves.len());
    Problem { rows, persons: None, quasi, sensitive: Vec::new(), rules, metric }
}

/// An exact number.
pub(super) fn ratio(text: &str) -> Ratio {
    Ratio::parse(text).expect(text)
}
