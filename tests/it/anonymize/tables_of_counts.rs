//! Tables of counts: what a reader can work out about small cells.

use kura::anonymize::statistics::{CountTable, Place, Protection, Shown, TableProblem, TableRules, tabulate};
use kura::anonymize::sums::{DOMINANCE, NotNumbers, sums};
use kura::anonymize::table::Column;
use proptest::prelude::*;

const RULES: TableRules =
    TableRules { cell_min: 10, dimensions_max: 3, protection: Protection::Hide, totals: true };

/// Columns with so many persons in each cell.
fn columns(cells: &[(&[&str], usize)]) -> Vec<Column> {
    let mut made: Vec<Column> =
        (0..cells[0].0.len()).map(|at| Column::new(&format!("column {at}"))).collect();
    for (values, persons) in cells {
        for (column, value) in made.iter_mut().zip(*values) {
            (0..*persons).for_each(|_| column.push(value));
        }
    }
    made
}

fn made(cells: &[(&[&str], usize)], rules: TableRules) -> CountTable {
    let columns = columns(cells);
    tabulate(&columns.iter().collect::<Vec<_>>(), None, rules).expect("can be shown")
}

fn shown(table: &CountTable, values: &[Option<&str>]) -> Shown {
    let place: Place = values
        .iter()
        .enumerate()
        .map(|(column, value)| {
            value.map(|value| {
                u32::try_from(table.values[column].iter().position(|own| own == value).expect("is there"))
                    .expect("few")
            })
        })
        .collect();
    table.cells[&place]
}

const WARDS: &[(&[&str], usize)] = &[
    (&["A", "f"], 2),
    (&["A", "m"], 30),
    (&["B", "f"], 40),
    (&["B", "m"], 50),
    (&["C", "f"], 60),
    (&["C", "m"], 25),
];

#[test]
fn case_21_a_small_cell_is_never_hidden_alone() {
    let table = made(WARDS, RULES);
    assert_eq!(shown(&table, &[Some("A"), Some("f")]), Shown::Hidden);
    assert!(table.audit.complementary >= 3, "{:?}", table.audit);
    assert!(table.audit.narrowest.expect("one is small") >= 5);
    assert_eq!(shown(&table, &[None, None]), Shown::Count(207));
}

#[test]
fn case_21_zeros_are_shown_and_hide_nobody() {
    let mut cells = WARDS.to_vec();
    cells.retain(|(values, _)| *values != ["B", "m"]);
    let table = made(&cells, RULES);
    assert_eq!(shown(&table, &[Some("B"), Some("m")]), Shown::Count(0));
}

#[test]
fn case_21_rounding_up_covers_totals_too() {
    let table = made(WARDS, TableRules { protection: Protection::RoundUp, ..RULES });
    assert_eq!(shown(&table, &[Some("A"), Some("f")]), Shown::Count(10));
    assert_eq!(shown(&table, &[None, None]), Shown::Count(210));
    assert!(table.cells.values().all(|shown| matches!(shown, Shown::Count(number) if number % 10 == 0)));
}

#[test]
fn case_21_rounded_totals_that_give_small_cells_away_are_left_out() {
    let names: Vec<String> = (0..10).map(|at| format!("ward {at}")).collect();
    let cells: Vec<([&str; 1], usize)> = names.iter().map(|name| ([name.as_str()], 1)).collect();
    let cells: Vec<(&[&str], usize)> =
        cells.iter().map(|(values, persons)| (values.as_slice(), *persons)).collect();
    let table = made(&cells, TableRules { protection: Protection::RoundUp, ..RULES });
    assert!(!table.audit.has_totals, "ten cells of 1–10 that are 10 together would all be 1");
    assert_eq!(table.cells.len(), 10);
}

#[test]
fn a_person_in_several_cells_counts_in_each_and_in_no_total() {
    let column = Column::of("ward", (0..40).map(|row| if row < 20 { "A" } else { "B" }));
    let persons: Vec<u32> = (0..40).map(|row| row % 20).collect();
    let table = tabulate(&[&column], Some(&persons), RULES).expect("can be shown");
    assert_eq!(shown(&table, &[Some("A")]), Shown::Count(20));
    assert!(!table.audit.has_totals);
    let one_person = vec![0; 40];
    assert_eq!(
        tabulate(&[&column], Some(&one_person), RULES),
        Err(TableProblem::Empty),
        "40 rows of one person"
    );
}

#[test]
fn tables_beyond_what_is_permitted_are_refused() {
    let column = Column::of("ward", ["A"]);
    let refused = tabulate(&[&column, &column, &column, &column], None, RULES);
    assert_eq!(refused, Err(TableProblem::Dimensions { asked: 4, permitted: 3 }));
    let many =
        Column::of("id", (0..5_000).map(|n| n.to_string()).collect::<Vec<_>>().iter().map(String::as_str));
    assert!(matches!(tabulate(&[&many], None, RULES), Err(TableProblem::TooLarge { .. })));
}

#[test]
fn case_22_a_sum_that_one_person_makes_is_not_shown() {
    let rule = DOMINANCE;
    let mut bills = vec![100_u64; 11];
    assert!(!rule.forbids(&bills));
    bills.push(20_000);
    assert!(rule.forbids(&bills), "one of twelve has 95 %");
    assert!(rule.forbids(&[500, 480, 3]), "the second knows the first to within 1 %");
    assert!(!rule.forbids(&[0, 0, 0]), "nothing is no secret");
}

/// Cells by letter, and what their persons have.
fn summed(cells: &[(&str, &[&str])]) -> Result<Vec<Option<u128>>, NotNumbers> {
    let (mut groups, mut values) = (Column::new("ward"), Column::new("cost"));
    for (group, own) in cells {
        for value in *own {
            groups.push(group);
            values.push(value);
        }
    }
    let table = tabulate(&[&groups], None, RULES).expect("a table");
    Ok(sums(&table, &[&groups], (None, &values), 10)?.cells.into_values().collect())
}

#[test]
fn case_22_a_sum_stands_only_where_it_tells_nobody() {
    let even: Vec<String> = (100..112).map(|cost| cost.to_string()).collect();
    let even: Vec<&str> = even.iter().map(String::as_str).collect();
    let with = |more: &[&'static str]| [even.as_slice(), more].concat();
    let same = ["5"; 12];
    let idle = [["0"; 12].as_slice(), &["7", "8", "9"]].concat();
    let (rich, gaps) = (with(&["90000"]), with(&["", ""]));
    let cells = [("a", even.as_slice()), ("b", &rich), ("c", &same), ("d", &idle), ("e", &gaps)];
    let found = summed(&cells).expect("numbers");
    assert_eq!(found, [Some(1266), None, None, None, Some(1266)]);
    let strange = summed(&[("a", &with(&["-1", "x", "1.5"]))]);
    assert_eq!(strange, Err(NotNumbers { column: "cost".to_owned(), rows: 3 }));
}

#[test]
fn what_a_person_has_in_several_rows_is_one_contribution() {
    let groups = Column::of("ward", std::iter::repeat_n("a", 40));
    let costs: Vec<String> = (0..40).map(|row| if row < 20 { "100" } else { "3" }.to_owned()).collect();
    let values = Column::of("cost", costs.iter().map(String::as_str));
    // Twenty rows are one person's.
    let persons: Vec<u32> = (0..40).map(|row| if row < 20 { 0 } else { row }).collect();
    let table = tabulate(&[&groups], Some(&persons), RULES).expect("a table");
    let made = sums(&table, &[&groups], (Some(&persons), &values), 10).expect("numbers");
    assert_eq!((made.cells.into_values().collect::<Vec<_>>(), made.dominated), (vec![None], 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever the numbers: no small cell is shown, and each can still have values that lie far apart.
    #[test]
    fn no_small_cell_is_ever_shown(persons in prop::collection::vec(0_usize..30, 12), width in 2_usize..5) {
        let names: Vec<(String, String)> =
            (0..12).map(|at| (format!("r{}", at / width), format!("c{}", at % width))).collect();
        let cells: Vec<([&str; 2], usize)> =
            names.iter().zip(&persons).map(|((row, column), persons)| ([row.as_str(), column.as_str()], *persons)).collect();
        let cells: Vec<(&[&str], usize)> = cells.iter().map(|(values, persons)| (values.as_slice(), *persons)).collect();
        let columns = columns(&cells);
        prop_assume!(columns[0].rows() > 0);
        let Ok(table) = tabulate(&columns.iter().collect::<Vec<_>>(), None, RULES) else { return Ok(()) };
        for (place, shown) in &table.cells {
            if let Shown::Count(number) = shown {
                prop_assert!(*number == 0 || *number >= 10, "{place:?} shows {number}");
            }
        }
        prop_assert!(table.audit.narrowest.is_none_or(|width| width >= 5));
    }
}
