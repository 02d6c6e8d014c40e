//! pyCANON, a program of others, measures what was written and finds what Kura says of it.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use super::golden::{ADULT, adult_with_sensitive_occupation};
use super::tables::{problem, table};
use kura::anonymize::delimited::{Encoding, Writing, read, write};
use kura::anonymize::measure::{InputCounts, measure};
use kura::anonymize::metric::Metric;
use kura::anonymize::release::Release;
use kura::anonymize::rules::Model;
use kura::anonymize::search::search;
use kura::anonymize::table::{Column, Table};

#[test]
fn long_pycanon_agrees_on_what_was_written() {
    let (columns, occupation) = adult_with_sensitive_occupation();
    let mut problem = problem(columns, 5, "0.04", Metric::Loss);
    problem.sensitive.push(occupation);
    problem.rules.models.push((0, Model::DistinctDiversity(3)));
    let best =
        search(&problem, &mut |_| ControlFlow::Continue(())).expect("runs").best.expect("there is one");
    let release = Release::new(&problem, &best.levels);
    let quasi: Vec<&str> = ADULT.into_iter().filter(|name| *name != "occupation").collect();
    let rows: Vec<usize> = (0..problem.rows).filter(|row| release.kept()[*row]).collect();
    let mut made: Vec<Column> = (0..quasi.len())
        .map(|column| Column::of(quasi[column], rows.iter().map(|row| release.text(&problem, column, *row))))
        .collect();
    let occupations = &table("adult")[7];
    made.push(Column::of("occupation", rows.iter().map(|row| occupations[*row].as_str())));
    let writing = Writing { encoding: Encoding::Utf8, is_spreadsheet_safe: false };
    let written = write(&Table { columns: made }, writing).expect("writes").bytes;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("extract.csv");
    fs::write(&file, &written).expect("is written");

    let script = Path::new(crate::support::ROOT).join("tests/support/pycanon.sh");
    let output = Command::new("bash").arg(script).arg(&file).arg(quasi.join(",")).arg("occupation").output();
    let output = output.expect("bash runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let said: Vec<f64> = said.lines().map(|line| line.parse().expect("a number")).collect();

    let back = read(&written, Encoding::Utf8).expect("reads");
    // pyCANON measures the distance to what was written, not to the input.
    let own = back.column("occupation").expect("is there");
    let counts: BTreeMap<String, u64> = own.values().iter().cloned().zip(own.counts()).collect();
    let measured = measure(&back, &quasi, None, &InputCounts::from([("occupation".to_owned(), counts)]));
    let occupation = &measured.sensitive[0];
    let [k, distinct, entropy, distance] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(
        (k.to_string(), distinct.to_string()),
        (measured.smallest.to_string(), occupation.distinct.to_string())
    );
    assert_eq!((measured.smallest, occupation.distinct), (5, 3), "what was promised, and no more");
    // pyCANON gives the whole part of the entropy l.
    assert!((entropy - occupation.entropy.floor()).abs() < 1e-9, "{entropy} {}", occupation.entropy);
    assert!(
        (distance - occupation.distance_value()).abs() < 1e-9,
        "{distance} {}",
        occupation.distance_value()
    );
}
