//! Whole extracts from a made-up ward: what is refused, what is written, and that nobody's values get out.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use kura::anonymize::classes::{Class, ColumnRule, Treatment};
use kura::anonymize::delimited::{Encoding, Writing, read};
use kura::anonymize::extract::{Extract, ExtractRules, Refusal, extract};
use kura::anonymize::hierarchy::Hierarchy;
use kura::anonymize::ladders::Ladder;
use kura::anonymize::metric::Metric;
use kura::anonymize::number::Ratio;
use kura::anonymize::profile::ProfileProblem;
use kura::anonymize::pseudonym::ExtractKey;
use kura::anonymize::rules::Model;
use kura::anonymize::search::Proof;
use kura::anonymize::statement::{measures, publication};
use kura::anonymize::table::{Column, Table};

/// What one person has that nobody else has; none of it may appear anywhere.
const CANARIES: [&str; 9] =
    ["金糸雀", "カナリア", "999-1234", "Z999", "116", "253", "123456789018", "C-777777", "2031"];

const NAMES: [&str; 9] =
    ["patient_id", "name", "my_number", "age", "postal", "sex", "admitted", "icd10", "weight"];

/// Six hundred patients with one stay each, and one who has everything that sticks out.
fn ward() -> Table {
    let mut columns: Vec<Column> = NAMES.into_iter().chain(["ward", "note"]).map(Column::new).collect();
    let mut seed = 1_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut push = |cells: [String; 11]| {
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.push(&cell);
        }
    };
    for id in 0..600_u64 {
        push([
            format!("P-{:06}", 100_000 + id * 37),
            format!("姓{id:04} 名{id:04}"),
            format!("{:011}0", 20_000_000_000 + id * 7),
            (20 + next(60)).to_string(),
            format!("46{}-000{}", next(8), next(4)),
            ["男", "女"][usize::try_from(next(2)).expect("small")].to_owned(),
            format!("R6.{}.{}", 1 + next(12), 1 + next(28)),
            ["I10", "E11.9", "J45", "E78.5", "I25"][usize::try_from(next(5)).expect("small")].to_owned(),
            (45 + next(40)).to_string(),
            format!("{}病棟", 1 + next(4)),
            format!("経過良好。記録{id}"),
        ]);
    }
    push(
        [
            "C-777777",
            "金糸雀 カナリア",
            "１２３４５６７８９０１８",
            "116",
            "999-1234",
            "女",
            "2031-02-03",
            "Z99.9",
            "253",
            "1病棟",
            "カナリアの話",
        ]
        .map(str::to_owned),
    );
    Table { columns }
}

fn rule(name: &str, class: Class, treatment: Treatment) -> ColumnRule {
    ColumnRule { name: name.to_owned(), class, treatment, reason: None, has_model: false }
}

fn sexes() -> Hierarchy {
    let lines = [["男", "*"], ["女", "*"]].map(|line| line.map(str::to_owned).to_vec());
    Hierarchy::from_lines(&lines).expect("is one")
}

fn rules() -> ExtractRules {
    let mut ward = rule("ward", Class::Public, Treatment::Keep);
    ward.reason = Some("病棟の別は公表されている".to_owned());
    let fold = Treatment::Fold { below: 10, other: "その他".to_owned() };
    let mut icd10 = rule("icd10", Class::Sensitive, fold);
    icd10.has_model = true;
    ExtractRules {
        columns: vec![
            rule("patient_id", Class::Link, Treatment::Pseudonym { space: "patient".to_owned() }),
            rule("name", Class::Direct, Treatment::Drop),
            rule("my_number", Class::PersonalCode, Treatment::Drop),
            rule(
                "age",
                Class::Quasi,
                Treatment::Ladder(Ladder::Ages { widths: vec![5, 10, 20], top: Some(75) }),
            ),
            rule("postal", Class::Quasi, Treatment::Ladder(Ladder::Postal)),
            rule("sex", Class::Quasi, Treatment::Table(sexes())),
            rule("admitted", Class::Date, Treatment::Shift { days_max: 30 }),
            icd10,
            rule("weight", Class::Measure, Treatment::Round { step: 10, low: Some(50), high: Some(80) }),
            ward,
            rule("note", Class::FreeText, Treatment::Drop),
        ],
        person: Some("patient_id".to_owned()),
        k: 5,
        suppression: Ratio::parse("0.05").expect("a number"),
        models: vec![("icd10".to_owned(), Model::DistinctDiversity(2))],
        metric: Metric::Loss,
        sample: None,
        singling_out: Ratio::parse("0.05").expect("a number"),
        words: Vec::new(),
        writing: Writing { encoding: Encoding::Utf8, is_spreadsheet_safe: false },
    }
}

fn key(number: u8) -> ExtractKey {
    ExtractKey::new(&[number; 32], "R08-014/1")
}

fn run(source: &Table, rules: &ExtractRules) -> Result<Extract, Refusal> {
    extract(source, rules, &key(1), &mut |_| ControlFlow::Continue(()))
}

fn text(extract: &Extract) -> String {
    String::from_utf8(extract.bytes.clone()).expect("UTF-8")
}

/// The ward with one cell of a column changed in these rows.
fn with(column: &str, rows: std::ops::Range<usize>, value: &str) -> Table {
    let mut source = ward();
    for own in source.columns.iter_mut().filter(|own| own.name == column) {
        let mut changed = Column::new(&own.name);
        for row in 0..own.rows() {
            changed.push(if rows.contains(&row) { value } else { own.text(row) });
        }
        *own = changed;
    }
    source
}

#[test]
fn an_extract_keeps_what_it_promises_and_says_how() {
    let made = run(&ward(), &rules()).expect("is made");
    let report = &made.report;
    assert_eq!((report.rows_in, report.answer.proof), (601, Proof::Optimal));
    assert_eq!(report.rows_in - report.rows_out, report.left_out);
    assert!(report.left_out <= 30 && report.measured.smallest >= 5, "{report:?}");
    assert!(report.measured.sensitive[0].distinct >= 2);
    assert_eq!(report.counts.dropped_columns, 3);
    assert!(report.scan.looked_for > 1_200 && report.scan.is_clean());
    let back = read(&made.bytes, Encoding::Utf8).expect("reads");
    let names: Vec<&str> = back.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["patient_id", "age", "postal", "sex", "admitted", "icd10", "weight", "ward"]);
    assert_eq!(u64::try_from(back.rows()), Ok(report.rows_out));
}

#[test]
fn case_24_no_canary_of_any_column_gets_out() {
    let source = ward();
    let made = run(&source, &rules()).expect("is made");
    let written = text(&made);
    let told = format!("{:?}", made.report);
    for canary in CANARIES {
        assert!(!written.contains(canary), "{canary} is in the file");
        assert!(!told.contains(&format!("\"{canary}")), "{canary} is in the report");
    }
    for name in ["name", "my_number", "patient_id", "note"] {
        for value in source.column(name).expect("is there").values() {
            assert!(!written.contains(value.as_str()), "a value of {name} is in the file");
        }
    }
}

#[test]
fn case_24_refusals_name_columns_and_numbers_only() {
    let mut refusals = vec![
        run(&with("ward", 0..601, "金糸雀 カナリア"), &rules()),
        run(&with("sex", 600..601, "カナリア"), &rules()),
        run(&with("ward", 3..4, "１２３４−５６７８−９０１８"), &rules()),
    ];
    let mut few = rules();
    few.k = 700;
    refusals.push(run(&ward(), &few));
    for refused in refusals {
        let refused = refused.expect_err("is refused");
        let said = format!("{refused} {refused:?}");
        for canary in CANARIES {
            assert!(!said.contains(canary), "{said}");
        }
    }
}

#[test]
fn case_24_rows_come_in_another_order_each_time() {
    let order = |number: u8| -> Vec<String> {
        let made =
            extract(&ward(), &rules(), &key(number), &mut |_| ControlFlow::Continue(())).expect("is made");
        let back = read(&made.bytes, Encoding::Utf8).expect("reads");
        (0..back.rows()).map(|row| back.columns[0].text(row).to_owned()).collect()
    };
    let (first, second) = (order(1), order(2));
    let shared: BTreeSet<&String> = first.iter().filter(|id| second.contains(id)).collect();
    assert!(shared.is_empty(), "case 10: two extracts share no pseudonym");
    let mut sorted = first.clone();
    sorted.sort();
    assert_ne!(first, sorted);
    assert_eq!(first, order(1), "the same key makes the same file");
}

#[test]
fn case_1_the_oldest_is_coded_as_the_top() {
    let made = run(&ward(), &rules()).expect("is made");
    assert!(made.report.counts.coded >= 1);
    assert!(!text(&made).contains("115-119") && !text(&made).contains("110-119"));
}

#[test]
fn case_2_a_crowd_with_one_diagnosis_is_not_released() {
    // Everybody between 20 and 24 has one disease.
    let source = ward();
    let age = source.column("age").expect("is there").clone();
    let mut one = Column::new("icd10");
    for row in 0..source.rows() {
        let is_young = age.text(row).parse::<u32>().is_ok_and(|age| age < 25);
        one.push(if is_young { "I10" } else { source.column("icd10").expect("is there").text(row) });
    }
    let mut changed = source.clone();
    changed.columns[7] = one;
    let made = run(&changed, &rules()).expect("is made");
    assert!(made.report.measured.sensitive[0].distinct >= 2);
    let mut unruled = rules();
    unruled.models.clear();
    unruled.columns[7].has_model = false;
    assert!(matches!(run(&changed, &unruled), Err(Refusal::Classes(_))));
}

#[test]
fn case_3_free_text_cannot_be_kept_and_a_name_in_a_coded_column_stops_everything() {
    let mut kept = rules();
    kept.columns[10].treatment = Treatment::Keep;
    assert!(matches!(run(&ward(), &kept), Err(Refusal::Classes(_))));
    let refused = run(&with("ward", 0..1, "姓0001様"), &rules()).expect_err("is refused");
    let named = ProfileProblem::Identifiers { column: "ward".to_owned(), rows: 1 };
    assert_eq!(refused, Refusal::Profile(vec![named]));
}

#[test]
fn case_3_a_name_in_a_hierarchy_is_found_in_what_was_written() {
    let lines = [["男", "姓0007", "*"], ["女", "姓0007", "*"]].map(|line| line.map(str::to_owned).to_vec());
    let mut hostile = rules();
    hostile.columns[5].treatment = Treatment::Table(Hierarchy::from_lines(&lines).expect("is one"));
    hostile.columns[3].treatment = Treatment::Ladder(Ladder::Ages { widths: vec![1], top: Some(75) });
    hostile.metric = Metric::Precision;
    hostile.suppression = Ratio::whole(0);
    match run(&ward(), &hostile) {
        Err(Refusal::Leak(scan)) => assert!(!scan.is_clean()),
        Ok(made) => assert!(!text(&made).contains("姓0007")),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn case_4_a_my_number_in_a_kept_column_refuses_the_plan() {
    let refused = run(&with("ward", 5..6, "一二三四-五六七八-九〇一八"), &rules()).expect_err("is refused");
    assert!(refused.to_string().contains("個人番号"), "{refused}");
}

#[test]
fn case_12_and_13_too_few_persons_are_refused_without_their_number() {
    for rows in [0, 1, 4] {
        let mask: Vec<bool> = (0..601).map(|row| row < rows).collect();
        let refused = run(&ward().filtered(&mask), &rules()).expect_err("is refused");
        assert_eq!(refused, Refusal::TooFew { k: 5 }, "{rows} rows");
        assert_eq!(
            refused.to_string(),
            "there are fewer than 5 persons: nothing can be released, and how many is not said"
        );
    }
}

#[test]
fn case_14_cells_that_are_not_known_form_a_group_of_their_own() {
    let made = run(&with("sex", 0..40, "NULL"), &rules()).expect("is made");
    let back = read(&made.bytes, Encoding::Utf8).expect("reads");
    let sex = back.column("sex").expect("is there");
    assert!(
        sex.values().iter().all(|value| ["男", "女", "不明", "*"].contains(&value.as_str())),
        "{:?}",
        sex.values()
    );
}

#[test]
fn case_16_many_stays_of_one_patient_are_one_person() {
    let mut source = ward();
    for _ in 0..10 {
        for (column, cell) in source
            .columns
            .iter_mut()
            .zip(["P-999999", "姓 名", "", "22", "468-0009", "男", "R6.4.1", "I10", "60", "1病棟", ""])
        {
            column.push(cell);
        }
    }
    let mut small = rules();
    small.suppression = Ratio::parse("0.1").expect("a number");
    let made = run(&source, &small).expect("is made");
    assert!(made.report.measured.smallest >= 5);
    assert!(made.report.left_out >= 10, "nobody else has ten rows that are joined by a pseudonym");
}

#[test]
fn case_20_a_new_column_in_the_source_is_refused() {
    let mut source = ward();
    let mut more = source.columns[2].clone();
    more.name = "my_number2".to_owned();
    source.columns.push(more);
    assert!(matches!(run(&source, &rules()), Err(Refusal::Classes(_))));
}

#[test]
fn case_23_a_rare_disease_is_folded_before_anything_is_released() {
    let made = run(&with("icd10", 0..3, "G12.1"), &rules()).expect("is made");
    assert!(!text(&made).contains("G121") && !text(&made).contains("G12.1"));
}

#[test]
fn a_sample_is_drawn_before_anything_else() {
    let mut sampled = rules();
    sampled.sample = Some(300);
    assert_eq!(run(&ward(), &sampled).expect("is made").report.rows_in, 300);
}

#[test]
fn a_search_can_be_cancelled() {
    let stopped = extract(&ward(), &rules(), &key(1), &mut |_| ControlFlow::Break(()));
    assert_eq!(stopped, Err(Refusal::Cancelled));
}

#[test]
fn case_16_a_pseudonym_that_joins_rows_unseen_is_refused() {
    let mut unseen = rules();
    unseen.person = None;
    assert_eq!(run(&ward(), &unseen), Err(Refusal::JoinsUnseen { column: "patient_id".to_owned() }));
    let mut alone = rules();
    alone.k = 1;
    assert_eq!(run(&ward(), &alone), Err(Refusal::NoCrowd));
}

#[test]
fn no_whole_postal_code_and_no_day_is_ever_released() {
    let mut fine = rules();
    fine.suppression = Ratio::whole(1);
    fine.k = 2;
    fine.metric = Metric::Precision;
    let made = run(&ward(), &fine).expect("is made");
    let back = read(&made.bytes, Encoding::Utf8).expect("reads");
    let longest =
        |name: &str| back.column(name).expect("is there").values().iter().map(|v| v.chars().count()).max();
    assert!(longest("postal") <= Some(3) && longest("admitted") <= Some(7), "{:?}", made.report.levels);
}

#[test]
fn a_word_that_the_permit_allows_is_no_name() {
    let source = with("ward", 0..200, "姓0001病棟");
    assert!(matches!(run(&source, &rules()), Err(Refusal::Profile(_))));
    let mut allowed = rules();
    allowed.words = vec!["姓0001病棟".to_owned()];
    assert!(text(&run(&source, &allowed).expect("is made")).contains("姓0001病棟"));
}

#[test]
fn what_was_done_is_said_item_by_item_and_leaves_the_decision_to_a_person() {
    let made = run(&ward(), &rules()).expect("is made");
    let said = measures(&rules(), &made.report);
    assert_eq!(said.iter().map(|measure| measure.item).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    assert!(said[0].done.contains("name、note") && said[0].done.contains("証明済み"), "{:?}", said[0]);
    assert!(said[1].done.contains("my_number") && said[2].done.contains("patient_id"));
    let draft = publication(&rules());
    assert!(
        draft.contains("項目：patient_id、age、")
            && !draft.contains("my_number")
            && draft.contains("人が判断し")
    );
}

#[test]
fn every_rule_that_is_asked_for_is_found_again_in_what_was_written() {
    let number = |text: &str| Ratio::parse(text).expect(text);
    for model in [
        Model::DistinctDiversity(3),
        Model::EntropyDiversity(number("2.5")),
        Model::RecursiveDiversity { c: number("2"), l: 2 },
        Model::EqualCloseness(number("0.35")),
        Model::OrderedCloseness(number("0.3")),
    ] {
        for joined in [true, false] {
            let mut asked = rules();
            asked.models = vec![("icd10".to_owned(), model)];
            asked.suppression = number("0.2");
            if !joined {
                asked.columns[0].treatment = Treatment::Drop;
            }
            let made = run(&ward(), &asked).unwrap_or_else(|refused| panic!("{model:?}: {refused}"));
            let measured = &made.report.measured.sensitive[0];
            let holds = match model {
                Model::DistinctDiversity(l) => measured.distinct >= l,
                Model::EntropyDiversity(l) => measured.entropy >= l.value() - 1e-9,
                Model::RecursiveDiversity { c, l } => measured.is_recursive(c, l),
                Model::EqualCloseness(t) => measured.is_within(t),
                Model::OrderedCloseness(t) => measured.is_within_in_order(t),
            };
            assert!(holds, "{model:?} {measured:?}");
        }
    }
}
