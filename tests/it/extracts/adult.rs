//! Real rows from end to end: Adult, nine columns, the optimum that ARX finds, measured again by programs of others.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use kura::workflows::extracts::{self, Opener};

use super::ward::Ward;
use crate::support::dice::Dice;

const COLUMNS: [&str; 9] = [
    "sex",
    "age",
    "race",
    "marital-status",
    "education",
    "native-country",
    "workclass",
    "occupation",
    "salary-class",
];

fn tests() -> std::path::PathBuf {
    Path::new(crate::support::ROOT).join("tests")
}

/// The rows as CSV.
fn adult() -> String {
    let script = tests().join("support/extract-data.sh");
    let output = Command::new("bash").arg(script).arg("path").output().expect("bash runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let folder = String::from_utf8(output.stdout).expect("a path");
    let text = std::fs::read_to_string(Path::new(folder.trim()).join("adult.csv")).expect("is there");
    format!("{}\n{}", COLUMNS.join(","), text.replace(',', " ").replace(';', ","))
}

/// What is asked for: without `sensitive` all nine columns are quasi-identifiers.
async fn instructions(ward: &Ward, sensitive: Option<&str>) -> String {
    let mut text = format!("dataset = \"adult\"\nschema = \"{}\"\n[columns]\n", ward.schema("adult").await);
    for name in COLUMNS {
        if sensitive == Some(name) {
            writeln!(text, "{name} = {{ class = \"sensitive\", do = \"keep\" }}").expect("a string");
        } else {
            writeln!(text, "{name} = {{ class = \"qi\", do = \"table\", table = {name:?} }}")
                .expect("a string");
        }
    }
    text.push_str("[tables]\n");
    for name in COLUMNS.into_iter().filter(|name| sensitive != Some(name)) {
        let file = tests().join(format!("it/fixtures/extracts/adult/{name}.csv"));
        writeln!(text, "{name} = '''\n{}'''", std::fs::read_to_string(file).expect("is there"))
            .expect("a string");
    }
    text.push_str("[privacy]\nk = 5\nsuppression = \"0.04\"\nmetric = \"loss\"\n");
    if let Some(name) = sensitive {
        writeln!(text, "l = [{{ column = {name:?}, kind = \"distinct\", value = \"3\" }}]")
            .expect("a string");
    }
    text + &format!("[output]\nformat = \"csv\"\nseal = \"{}\"\n", ward.key.recipient())
}

/// A million rows like those of Adult: of each some cells are another row's.
fn a_million() -> String {
    let adult = adult();
    let rows: Vec<Vec<&str>> = adult.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let mut dice = Dice::of(1);
    let mut text = COLUMNS.join(",");
    for number in 0..1_000_000 {
        let row = &rows[number % rows.len()];
        for (place, cell) in row.iter().enumerate() {
            text.push(if place == 0 { '\n' } else { ',' });
            text.push_str(if dice.roll(8) == 0 { rows[dice.place(rows.len())][place] } else { cell });
        }
    }
    text
}

/// The most memory that this process has had, KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "whoever runs it wants the figures")]
async fn long_a_million_rows_with_nine_quasi_identifiers_take_two_minutes_and_a_gibibyte_at_most() {
    let ward = Ward::with("adult", "utf-8").await;
    std::fs::write(ward.source(), a_million()).expect("a source");
    let before = peak_kib();
    let text = instructions(&ward, None).await.replacen("schema", "rows_max = 1000000\nschema", 1);
    let number = ward.permit(&text, 1).await;
    let begun = std::time::Instant::now();
    let (handed, _) = ward.run(&number).await.expect("is handed over");
    let took = begun.elapsed();
    let search = handed.report.search.as_ref().expect("was searched");
    eprintln!(
        "a million rows: {took:?}, {} MiB at most ({} MiB before), {} of {} looked at, left out {}",
        peak_kib() / 1024,
        before / 1024,
        search.looks,
        search.nodes,
        handed.report.left_out
    );
    assert!(search.is_proved && handed.report.rows_in == 1_000_000);
    assert!(took.as_secs() <= 120, "{took:?}");
    assert!(peak_kib() <= 1024 * 1024, "{} KiB", peak_kib());
}

#[tokio::test]
async fn long_adult_is_handed_over_on_the_levels_of_arx() {
    let ward = Ward::with("adult", "utf-8").await;
    std::fs::write(ward.source(), adult()).expect("a source");
    let number = ward.permit(&instructions(&ward, Some("occupation")).await, 1).await;
    let (handed, _) = ward.run(&number).await.expect("is handed over");
    let report = &handed.report;
    assert_eq!(report.rows_in, 30_162);
    let levels: Vec<u8> =
        report.columns.iter().filter_map(|column| column.level.map(|(level, _)| level)).collect();
    let search = report.search.as_ref().expect("was searched");
    // ARX 3.9: `../shared/anonymize.md` §1.2.
    assert_eq!(
        (levels, format!("{:.8}", search.cost)),
        (vec![0, 3, 0, 1, 2, 1, 1, 0], "0.20520831".to_owned())
    );
    assert!(search.is_proved);
    let plain = ward.opened(&ward.sealed()[0]);
    // By code of the test's own.
    let text = String::from_utf8(plain).expect("UTF-8");
    let mut crowds: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split("\",\"").collect();
        assert_eq!(cells.len(), 9, "{line}");
        let quasi =
            cells.iter().enumerate().filter(|(place, _)| *place != 7).map(|(_, cell)| *cell).collect();
        crowds.entry(quasi).or_default().push(cells[7]);
    }
    let distinct = |values: &Vec<&str>| values.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(crowds.values().map(Vec::len).min(), Some(5));
    assert_eq!(crowds.values().map(distinct).min(), Some(3));
    let rows = u64::try_from(crowds.values().map(Vec::len).sum::<usize>()).expect("few");
    assert_eq!((rows, rows + report.left_out), (report.rows_out, 30_162));
    assert!(report.left_out <= 30_162 * 4 / 100);
    // By pyCANON, a program of others, which reads the file as the applicant opened it.
    let file = ward.folder.path().join("opened.csv");
    std::fs::write(&file, &text).expect("is written");
    let quasi: Vec<&str> = COLUMNS.into_iter().filter(|name| *name != "occupation").collect();
    let script = tests().join("support/pycanon.sh");
    let output = Command::new("bash").arg(script).arg(&file).arg(quasi.join(",")).arg("occupation").output();
    let output = output.expect("bash runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let said: Vec<f64> = said.lines().map(|line| line.parse().expect("a number")).collect();
    let measured = report.measured.as_ref().expect("is measured");
    let [k, distinct, entropy, _] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(
        (k.to_string(), distinct.to_string(), *entropy),
        (
            measured.smallest.to_string(),
            measured.sensitive[0].distinct.to_string(),
            measured.sensitive[0].entropy.floor()
        )
    );
    let row = ward.catalog.extracts(Some(&number)).await.expect("rows").remove(0);
    let sealed = std::fs::read(&ward.sealed()[0]).expect("a file");
    let found = extracts::verify(&row, &sealed, Opener::Keys(ward.key.clone().into())).expect("opens");
    assert_eq!(found.differences, []);
}
