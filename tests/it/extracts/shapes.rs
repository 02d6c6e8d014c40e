//! What is handed over as a spreadsheet or on paper, opened with stock age and read by programs of others.

use std::process::Command;

use kura::archive::seal::seal;
use kura::workflows::extracts::{self, Opener};

use crate::support::{pdf, python};

use super::ward::{CANARIES, Ward, Words, rows};

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} runs: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Hands an extract over as `shape`, and gives its number and the file as the applicant opens it.
async fn handed(ward: &Ward, shape: &str) -> (extracts::Handed, std::path::PathBuf) {
    let instructions = ward.instructions(&Words::default()).await;
    let instructions = instructions.replacen("format = \"csv\"", &format!("format = {shape:?}"), 1);
    let number = ward.permit(&instructions, 1).await;
    let (handed, _) = ward.run(&number).await.expect("is handed over");
    let plain = ward.opened(&ward.sealed()[0]);
    let file = ward.folder.path().join(format!("opened.{shape}"));
    std::fs::write(&file, plain).expect("is written");
    (handed, file)
}

/// Reads a sheet with nothing but Python's own library: cells apart by tabs.
const READ: &str = r#"
import re, sys, zipfile
import xml.etree.ElementTree as tree
space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
book = zipfile.ZipFile(sys.argv[1])
for entry in book.infolist():
    assert entry.date_time[0] == 1980, entry
    assert b"<f" not in book.read(entry).replace(b"<family", b"").replace(b"<font", b"").replace(b"<fill", b"").replace(b"<fmt", b"") or "sheet" not in entry.filename
texts = [item.find(space + "t").text for item in tree.fromstring(book.read("xl/sharedStrings.xml"))]
for row in tree.fromstring(book.read("xl/worksheets/sheet1.xml")).iter(space + "row"):
    cells = list(row)
    assert all(cell.get("t") == "s" and [part.tag for part in cell] == [space + "v"] for cell in cells)
    print("\t".join(texts[int(cell.find(space + "v").text)] for cell in cells))
"#;

#[tokio::test]
async fn case_7_a_spreadsheet_holds_text_only_and_measures_as_its_report_says() {
    let ward = Ward::new().await;
    let text = rows().replace("1病棟", "=1+1病棟").replace("2病棟", "@SUM(A1)");
    std::fs::write(ward.source(), encoding_rs::SHIFT_JIS.encode(&text).0).expect("a source");
    let (handed, file) = handed(&ward, "xlsx").await;
    let said = run("python3", &["-c", READ, file.to_str().expect("a path")]);
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[0], ["patient_id", "age", "postal", "sex", "admitted", "icd10", "ward"]);
    assert_eq!(u64::try_from(lines.len() - 1), Ok(handed.report.rows_out));
    assert!(lines.iter().any(|line| line[6] == "=1+1病棟") && lines.iter().any(|line| line[6] == "@SUM(A1)"));
    for canary in CANARIES.into_iter().filter(|canary| *canary != "116") {
        assert!(!said.contains(canary), "{canary}");
    }
    let row = ward.catalog.extracts(Some(&handed.permit)).await.expect("rows").remove(0);
    let sealed = std::fs::read(&ward.sealed()[0]).expect("a file");
    let found = extracts::verify(&row, &sealed, Opener::Keys(ward.key.clone().into())).expect("opens");
    assert_eq!((found.differences, found.rows), (Vec::new(), handed.report.rows_out));
    ward.assert_nothing_leaked("after a spreadsheet");
}

#[tokio::test]
async fn a_parquet_file_holds_text_only_and_measures_as_its_report_says() {
    let ward = Ward::new().await;
    let (handed, file) = handed(&ward, "parquet").await;
    let said = python::check(("parquet", "read_parquet.py"), &file);
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(lines[0], ["patient_id", "age", "postal", "sex", "admitted", "icd10", "ward"]);
    assert_eq!(u64::try_from(lines.len() - 1), Ok(handed.report.rows_out));
    for canary in CANARIES.into_iter().filter(|canary| *canary != "116") {
        assert!(!said.contains(canary), "{canary}");
    }
    let row = ward.catalog.extracts(Some(&handed.permit)).await.expect("rows").remove(0);
    let mut sealed = std::fs::read(&ward.sealed()[0]).expect("a file");
    let opener = || Opener::Keys(ward.key.clone().into());
    let found = extracts::verify(&row, &sealed, opener()).expect("opens");
    assert_eq!((found.differences, found.rows), (Vec::new(), handed.report.rows_out));
    sealed = seal(b"PAR1 of a stranger", &[&ward.key.recipient()]).expect("is sealed");
    let other = extracts::verify(&row, &sealed, opener()).expect("opens");
    assert!(!other.differences.is_empty() && other.unmeasured.len() == 1, "{other:?}");
    ward.assert_nothing_leaked("after a Parquet file");
}

#[tokio::test]
async fn case_27_pages_say_on_each_of_them_to_which_permit_they_belong() {
    let ward = Ward::new().await;
    let (handed, file) = handed(&ward, "paper").await;
    let bytes = std::fs::read(&file).expect("a PDF");
    let pages = pdf::pages(&bytes);
    assert!(pages.len() > 5, "{} pages", pages.len());
    let digest = handed.report.table_digest.clone().expect("is on the pages");
    for (number, page) in pages.iter().enumerate() {
        let place = format!("{}/{}ページ", number + 1, pages.len());
        for words in [handed.permit.as_str(), &place, digest.get(..16).expect("long"), "postal", "icd10"] {
            assert!(pdf::solid(page).contains(words), "page {number} says {words}: {page}");
        }
    }
    let first = pdf::solid(&pages[0]);
    for words in ["本番データ抽出資料", "糖尿病の受診動向", "使用後の措置", "消去", "令和9年1月31日"]
    {
        assert!(first.contains(words), "{words}: {first}");
    }
    let said = pages.concat();
    let lines = said.matches("病棟\n").count();
    assert_eq!(u64::try_from(lines), Ok(handed.report.rows_out));
    for canary in CANARIES.into_iter().filter(|canary| *canary != "116") {
        assert!(!said.contains(canary), "{canary}");
    }
    assert!(
        pdf::fonts(&bytes).iter().all(|line| line.contains("yes yes yes")),
        "the font is inside, in part"
    );
    let row = ward.catalog.extracts(Some(&handed.permit)).await.expect("rows").remove(0);
    let sealed = std::fs::read(&ward.sealed()[0]).expect("a file");
    let found = extracts::verify(&row, &sealed, Opener::Keys(ward.key.clone().into())).expect("opens");
    assert!(found.differences.is_empty() && found.unmeasured.len() == 1, "{found:?}");
    ward.assert_nothing_leaked("after pages");
}

#[tokio::test]
async fn more_pages_than_anybody_prints_are_refused() {
    let ward = Ward::new().await;
    let all = rows();
    let (names, rest) = all.split_once("\r\n").expect("lines");
    let many: String = (0..45).map(|copy| rest.replace("P-1", &format!("P-{copy}1"))).collect();
    let text = format!("{names}\r\n{many}");
    std::fs::write(ward.source(), encoding_rs::SHIFT_JIS.encode(&text).0).expect("a source");
    let instructions = ward.instructions(&Words::default()).await.replacen("\"csv\"", "\"paper\"", 1);
    let number = ward.permit(&instructions.replacen("rows_max = 1000", "rows_max = 20000", 1), 1).await;
    let error = ward.run(&number).await.expect_err("is too long");
    assert!(error.is_refusal() && error.to_string().contains("300 pages"), "{error}");
    assert_eq!((ward.state(&number).await, ward.sealed().len()), ("approved", 0));
}

#[tokio::test]
async fn case_7_in_csv_formulas_are_counted_and_guarded_where_asked_and_control_characters_are_left_out() {
    for is_safe in [false, true] {
        let ward = Ward::new().await;
        let text =
            rows().replace("1病棟", "=1+1病棟").replace("I10", "@I10").replace("2病棟", "2\u{1b}病\u{7}棟");
        std::fs::write(ward.source(), encoding_rs::SHIFT_JIS.encode(&text).0).expect("a source");
        let output = if is_safe { "format = \"csv\"\nspreadsheet_safe = true" } else { "format = \"csv\"" };
        let instructions = ward.instructions(&Words::default()).await.replacen("format = \"csv\"", output, 1);
        let (handed, _) = ward.run(&ward.permit(&instructions, 1).await).await.expect("is handed over");
        let plain = String::from_utf8(ward.opened(&ward.sealed()[0])).expect("UTF-8");
        let cells = |start: &str| u64::try_from(plain.matches(start).count()).expect("few");
        let (bare, marked) =
            (cells("\"=1+1病棟\"") + cells("\"@I10\""), cells("\"'=1+1病棟\"") + cells("\"'@I10\""));
        assert!(bare + marked > 100, "{bare} {marked}");
        assert_eq!(if is_safe { bare } else { marked }, 0);
        assert_eq!((handed.report.formulas, handed.report.is_guarded), (bare + marked, is_safe));
        assert_eq!(handed.report.controls, u64::try_from(text.matches('\u{1b}').count()).expect("few"));
        assert!(plain.contains("\"2病棟\"") && !plain.replace("\r\n", "").contains(char::is_control));
        // It is measured with the values, not with the marks.
        let row = ward.catalog.extracts(Some(&handed.permit)).await.expect("rows").remove(0);
        let sealed = std::fs::read(&ward.sealed()[0]).expect("a file");
        let found = extracts::verify(&row, &sealed, Opener::Keys(ward.key.clone().into())).expect("opens");
        assert_eq!((found.differences, found.rows), (Vec::new(), handed.report.rows_out));
    }
}
