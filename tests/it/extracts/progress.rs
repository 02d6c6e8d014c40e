//! How far a long search is, on the console's page, and that cancelling it there ends it and leaves nothing.

use std::fmt::Write as _;

use kura::archive::seal::Identity;
use kura::domain::permit::{LegalClass, PermitContent};
use kura::domain::role::Role;
use kura::workflows::extracts::{self, Cancel, ExtractError, Run, Told};
use kura::workflows::permits::{self, Seen};

use crate::console::{Site, Visitor};
use crate::support::dice::Dice;

/// 6 heights over each of six columns: 7 levels each.
const CHOICES: &str = "117,649通りのうち";

/// So often the page is looked at before it is cancelled.
const LOOKS: usize = 3;

fn source() -> String {
    let mut dice = Dice::of(7);
    let mut text = "a,b,c,d,e,f".to_owned();
    for _ in 0..1500 {
        for column in 0..6 {
            let mark = if column == 0 { '\n' } else { ',' };
            write!(text, "{mark}{}", dice.roll(64)).expect("a string");
        }
    }
    text
}

fn instructions(schema: &str, seal: &str) -> String {
    let mut text = format!("dataset = \"patients\"\nschema = \"{schema}\"\nrows_max = 2000\n[columns]\n");
    for name in ["a", "b", "c", "d", "e", "f"] {
        writeln!(text, "{name} = {{ class = \"qi\", do = \"age\", widths = [2, 4, 8, 16, 32] }}")
            .expect("a string");
    }
    text + &format!(
        "[privacy]\nk = 5\nsuppression = \"0.05\"\nsingling_out = \"1\"\n[output]\nformat = \"csv\"\nseal = \"{seal}\"\n"
    )
}

/// Waits for something from a place that cannot wait.
fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future))
}

/// The page of a permit, and how many choices it says are decided.
async fn decided(visitor: &mut Visitor, number: &str, title: &str) -> u64 {
    let page = visitor.get(&format!("/console/permits/{number}")).await.body;
    assert!(page.contains(title) && page.contains("開始からの時間：0分0秒"), "{page}");
    assert!(page.contains("http-equiv=\"refresh\"") && page.contains("<progress max=\"117649\""), "{page}");
    let (_, rest) = page.split_once(CHOICES).expect("how many there are");
    let (number, _) = rest.split_once("通りの採否").expect("how many are decided");
    number.replace(',', "").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_permit_shows_how_far_a_search_is_and_cancelling_ends_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ward.csv");
    std::fs::write(&file, source()).expect("a source");
    let settings = format!("\n[[dataset]]\nname = \"patients\"\nkind = \"csv\"\npath = {file:?}\n");
    let site = Site::on("2026-12-03", None, &settings).await;
    let people = site.people(&[Role::ServiceOperator, Role::OperationsManager, Role::SystemOperator]).await;
    let [doctor, applicant, operator] = people.as_slice() else { panic!("three people") };
    let (desk, home, now) = (site.desk(), &site.service.shared.home, site.now());
    let catalog = &desk.catalog;
    let schema = extracts::columns(home, "patients", None, now).await.expect("columns").1.to_string();
    let extraction = instructions(&schema, &Identity::generate().recipient().to_string());
    let content = PermitContent {
        extraction,
        legal_class: LegalClass::AnonymouslyProcessed,
        ..crate::permits::content()
    };
    let datasets = ["patients".to_owned()];
    let number = permits::apply((catalog, &datasets), &content, applicant, now).await.expect("applied");
    let mut visitor = site.visitor(operator.account.as_str()).await;
    let quiet = visitor.get(&format!("/console/permits/{number}")).await.body;
    assert!(!quiet.contains("http-equiv=\"refresh\"") && !quiet.contains("ぼかし方の組合せ"), "{quiet}");

    // A plan, stopped where it runs.
    let (cancel, mut seen) = (Cancel::default(), Vec::new());
    let stop = cancel.clone();
    let mut tell = |_: Told| {
        seen.push(wait(decided(&mut visitor, &number, "抽出を試算しています")));
        if seen.len() == LOOKS {
            stop.ask();
        }
    };
    let planned = extracts::plan((catalog, home), &number, None, (&cancel, &mut tell), (operator, now));
    let stopped = planned.await.expect_err("is stopped");
    assert!(stopped.to_string().contains("cancel"), "{stopped}");
    assert!(seen.len() >= LOOKS && seen[0] == 0 && seen.is_sorted() && seen[LOOKS - 1] > seen[1], "{seen:?}");
    let page = visitor.get(&format!("/console/permits/{number}")).await.body;
    assert!(!page.contains("抽出を試算しています") && !page.contains("http-equiv=\"refresh\""), "{page}");

    // An extract, cancelled on the page.
    let row = permits::show(catalog, &number, doctor).await.expect("a permit");
    let version = Seen::Version(permits::version(&row));
    permits::approve((catalog, &datasets), &number, &version, doctor, now).await.expect("approved");
    let (cancel, mut seen) = (Cancel::default(), Vec::new());
    let mut tell = |_: Told| {
        if seen.len() < LOOKS {
            seen.push(wait(decided(&mut visitor, &number, "抽出を実施しています")));
        }
        if seen.len() == LOOKS {
            seen.push(u64::MAX);
            let ask = wait(visitor.get(&format!("/console/extracts/{number}/cancel")));
            assert_eq!(ask.status, 200);
            let ended = wait(visitor.post(&format!("/console/extracts/{number}/cancel"), &[]));
            assert_eq!(ended.status, 303, "{}", ended.body);
        }
    };
    let clock = &site.service.shared.clock;
    let on = Run { catalog, home, clock: &**clock, by: operator, recovery: None, cancel: &cancel };
    let error = extracts::run(&on, &number, &mut tell, &mut |_| {}).await.expect_err("is cancelled");
    assert!(matches!(&error, ExtractError::Ended(_)), "{error}");
    assert!(seen.len() == LOOKS + 1 && seen[0] == 0 && seen.is_sorted() && seen[LOOKS - 1] > 0, "{seen:?}");
    let page = visitor.get(&format!("/console/permits/{number}")).await.body;
    assert!(page.contains("中止した") && !page.contains("抽出を実施しています"), "{page}");
    assert_eq!(std::fs::read_dir(home.extracts()).map_or(0, Iterator::count), 0, "nothing is left");
}
