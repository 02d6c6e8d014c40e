//! From a permit to what the applicant opens with stock age, and the report beside it.

use std::os::unix::fs::PermissionsExt as _;

use kura::anonymize::delimited::{Encoding, read};
use kura::anonymize::table::Column;
use kura::domain::permit::PermitState;
use kura::print;
use kura::workflows::check_audit;
use kura::workflows::extracts::{self, Cancel, ExtractState, Opener};
use kura::workflows::permits;
use secrecy::ExposeSecret as _;

use super::ward::{CANARIES, PERSONS, Ward, Words};

#[tokio::test]
async fn an_extract_is_handed_over_sealed_to_the_applicant_and_measures_as_its_report_says() {
    let ward = Ward::new().await;
    let number = ward.permit_of(&Words::default()).await;
    let (handed, passphrase) = ward.run(&number).await.expect("is handed over");
    assert!(passphrase.is_none());
    assert_eq!(ward.state(&number).await, "delivered");
    let sealed = ward.sealed();
    assert_eq!(sealed.len(), 1);
    assert_eq!(std::fs::metadata(&sealed[0]).expect("a file").permissions().mode() & 0o777, 0o600);
    let plain = ward.opened(&sealed[0]);
    let table = read(&plain, Encoding::Utf8).expect("is CSV");
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["patient_id", "age", "postal", "sex", "admitted", "icd10", "ward"]);
    let report = &handed.report;
    assert_eq!((report.rows_in, report.persons_in), (PERSONS + 1, PERSONS + 1));
    assert_eq!(u64::try_from(table.rows()), Ok(report.rows_out));
    let measured = report.measured.as_ref().expect("is measured");
    assert!(measured.smallest >= 5 && measured.sensitive[0].distinct >= 2, "{measured:?}");
    assert!(report.search.as_ref().expect("was searched").is_proved);
    assert_eq!(report.measures.len(), 5, "施行規則34条1–5号");
    assert!(report.decides.contains("人が判断"));

    let row = ward.catalog.extracts(Some(&number)).await.expect("rows").remove(0);
    assert_eq!((row.state, row.execution, row.digest), (ExtractState::Delivered, 1, Some(handed.digest)));
    let bytes = std::fs::read(&sealed[0]).expect("a file");
    let found = extracts::verify(&row, &bytes, Opener::Keys(ward.key.clone().into())).expect("opens");
    assert_eq!(found.differences, []);
    let other = kura::archive::seal::Identity::generate();
    assert!(extracts::verify(&row, &bytes, Opener::Keys(other.into())).is_err());
    let mut altered = bytes;
    let last = altered.len() - 1;
    altered[last] ^= 1;
    assert!(extracts::verify(&row, &altered, Opener::Keys(ward.key.clone().into())).is_err());
    check_audit::verify(&ward.catalog, None).await.expect("the log holds");
}

#[tokio::test]
async fn a_passphrase_is_shown_once_and_opens_the_file() {
    let ward = Ward::new().await;
    let number = ward.permit_of(&Words { passphrase: true, ..Words::default() }).await;
    let (_, passphrase) = ward.run(&number).await.expect("is handed over");
    let passphrase = passphrase.expect("is shown");
    let row = ward.catalog.extracts(Some(&number)).await.expect("rows").remove(0);
    let sealed = std::fs::read(&ward.sealed()[0]).expect("a file");
    let found = extracts::verify(&row, &sealed, Opener::Passphrase(passphrase.clone())).expect("opens");
    assert_eq!(found.differences, []);
    assert!(extracts::verify(&row, &sealed, Opener::Passphrase("wrong".to_owned().into())).is_err());
    for (path, bytes) in ward.everything() {
        let words = passphrase.expose_secret().as_bytes();
        assert!(!bytes.windows(words.len()).any(|window| window == words), "{}", path.display());
    }
}

#[tokio::test]
async fn case_24_no_canary_is_in_any_file_page_or_report() {
    let ward = Ward::new().await;
    let number = ward.permit_of(&Words::default()).await;
    let (handed, _) = ward.run(&number).await.expect("is handed over");
    ward.assert_nothing_leaked("after a run");
    // Pseudonyms are letters and digits by lot: what they spell is nobody's.
    let mut table = read(&ward.opened(&ward.sealed()[0]), Encoding::Utf8).expect("is CSV");
    table.columns.retain(|column| column.name != "patient_id");
    let plain: String = table.columns.iter().flat_map(Column::values).cloned().collect::<Vec<_>>().join("\n");
    let page = print::extract::page(&handed.report).html();
    let json = serde_json::to_string(&handed.report).expect("is JSON");
    for canary in CANARIES {
        assert!(!plain.contains(canary), "{canary} is in the file");
        // A digest may hold three digits by chance.
        assert!(canary == "116" || !page.contains(canary) && !json.contains(canary), "{canary} is told");
    }
    assert!(page.contains("施行規則第34条") && page.contains("公表文（案）") && page.contains(&number));
    assert!(!page.contains("<script") && !page.contains("http"), "a page to print needs nothing else");
}

#[tokio::test]
async fn a_plan_shows_levels_losses_and_a_row_that_nobody_has() {
    let ward = Ward::new().await;
    let instructions = ward.instructions(&Words::default()).await;
    let number = ward.permit(&instructions, 1).await;
    let cancel = Cancel::default();
    let mut estimated = None;
    let mut tell = |told| {
        if let extracts::Told::Estimated(estimate) = told {
            estimated = Some(estimate);
        }
    };
    let made = extracts::plan(
        (&ward.catalog, &ward.home),
        &number,
        None,
        (&cancel, &mut tell),
        (&ward.operator, ward.now()),
    );
    let made = made.await.expect("is planned");
    assert!(estimated.is_some_and(|estimate| estimate.is_exact && estimate.nodes > 100));
    let texts: Vec<(&str, &str)> =
        made.preview.iter().map(|cell| (cell.column.as_str(), cell.text.as_str())).collect();
    assert_eq!(texts.len(), 7, "{texts:?}");
    assert!(texts.iter().all(|(_, text)| !CANARIES.contains(text) && !text.contains("姓")), "{texts:?}");
    let ages = made.report.columns.iter().find(|column| column.name == "age").expect("is there");
    assert!(ages.level.is_some() && ages.share.is_some_and(|share| share > 0.0 && share <= 1.0), "{ages:?}");
    assert_eq!(ward.state(&number).await, "approved", "nothing was used up");
    assert!(ward.sealed().is_empty());
    let noted = ward.catalog.extract_plan(&number).await.expect("a row").expect("is noted");
    let row = permits::show(&ward.catalog, &number, &ward.doctor).await.expect("a permit");
    assert_eq!(noted.digest, row.digest, "whoever decides sees for what it was made");
    assert!(matches!(row.permit.state, PermitState::Approved(_)));
    ward.assert_nothing_leaked("after a plan");
    // An applicant is no operator.
    let by = (&ward.applicant, ward.now());
    let refused =
        extracts::plan((&ward.catalog, &ward.home), &number, None, (&cancel, &mut |_| {}), by).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn a_table_of_counts_is_handed_over_instead_of_rows() {
    let ward = Ward::new().await;
    let more =
        "[table]\nby = [{ column = \"age\", level = 2 }, { column = \"sex\" }]\nmin_cell = 10\ntotals = true";
    let instructions = ward.instructions(&Words { more, ..Words::default() }).await;
    let instructions =
        instructions.replace("l = [{ column = \"icd10\", kind = \"distinct\", value = \"2\" }]", "");
    let number = ward.permit(&instructions, 1).await;
    let (handed, _) = ward.run(&number).await.expect("is handed over");
    let plain = ward.opened(&ward.sealed()[0]);
    let table = read(&plain, Encoding::Utf8).expect("is CSV");
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["age", "sex", "人数"]);
    let numbers = table.column("人数").expect("is there").values();
    assert!(
        numbers.iter().all(|text| text == "秘匿" || text.parse::<u64>().is_ok_and(|n| n == 0 || n >= 10))
    );
    let counts = handed.report.counts.as_ref().expect("is a table");
    assert_eq!((counts.min_cell, handed.report.measured.is_none()), (10, true));
    let row = ward.catalog.extracts(Some(&number)).await.expect("rows").remove(0);
    let sealed = std::fs::read(&ward.sealed()[0]).expect("a file");
    let found = extracts::verify(&row, &sealed, Opener::Keys(ward.key.clone().into())).expect("opens");
    assert_eq!(found.differences, []);
    ward.assert_nothing_leaked("after a table");
}

/// The columns of a source with costs.
const COSTS: &str = "[columns]
id = { class = \"link\", do = \"drop\" }
sex = { class = \"qi\", do = \"table\", table = \"sex\" }
cost = { class = \"measure\", do = \"round\", step = 100 }
[tables]
sex = \"\"\"
男;*
女;*
\"\"\"
[privacy]
person = \"id\"
k = 5
suppression = \"0.1\"
singling_out = \"0.2\"
";

#[tokio::test]
async fn a_table_with_sums_hides_the_sum_that_one_bill_makes() {
    let ward = Ward::with("bills", "utf-8").await;
    let mut text = "id,sex,cost\r\n".to_owned();
    for person in 0..60 {
        let (sex, cost) = if person % 2 == 0 { ("男", 1000 + person) } else { ("女", 10) };
        let cost = if person == 1 { 900_000 } else { cost };
        text.push_str(&format!("P{person:03},{sex},{cost}\r\n"));
    }
    std::fs::write(ward.source(), text).expect("a source");
    let (schema, key) = (ward.schema("bills").await, ward.key.recipient().to_string());
    let extraction = format!(
        "dataset = \"bills\"\nschema = \"{schema}\"\n{COSTS}[table]\nby = [{{ column = \"sex\" }}]\nsum = \"cost\"\n\
         totals = true\n[output]\nformat = \"csv\"\nseal = \"{key}\"\n"
    );
    let number = ward.permit(&extraction, 1).await;
    let (handed, _) = ward.run(&number).await.expect("is handed over");
    let table = read(&ward.opened(&ward.sealed()[0]), Encoding::Utf8).expect("is CSV");
    let line =
        |row: usize| table.columns.iter().map(|column| column.text(row).to_owned()).collect::<Vec<_>>();
    let lines: Vec<Vec<String>> = (0..table.rows()).map(line).collect();
    assert_eq!(lines, [["女", "30", "秘匿"], ["男", "30", "30500"], ["計", "60", "秘匿"]]);
    let counts = handed.report.counts.as_ref().expect("a table");
    assert_eq!(counts.sum, Some(("cost".to_owned(), 1)));
}
