//! What ARX finds on real tables, Kura finds too: the same levels, the same values to the printed digits.
//!
//! The figures were measured with ARX 3.9 on the same rows and hierarchies with the same groups. Those named `long_` take
//! half a minute each where Kura is not optimised.

use std::ops::ControlFlow;

use super::tables::{hierarchy, problem, quasi, ratio, sensitive, table};
use kura::anonymize::evaluate::{Problem, Quasi, Sensitive};
use kura::anonymize::metric::Metric;
use kura::anonymize::release::Release;
use kura::anonymize::rules::Model;
use kura::anonymize::search::{Proof, search};

pub(super) const ADULT: [&str; 9] = [
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

const CENSUS: [&str; 8] =
    ["age", "workclass", "education", "marital", "race", "sex", "fulltime", "citizenship"];

fn adult() -> Vec<Quasi> {
    let columns = ADULT.iter().zip(table("adult"));
    columns.map(|(name, column)| quasi(&column, hierarchy(&format!("adult/{name}")))).collect()
}

/// Adult without its occupation, which is sensitive instead.
pub(super) fn adult_with_sensitive_occupation() -> (Vec<Quasi>, Sensitive) {
    let mut columns = adult();
    columns.remove(7);
    (columns, sensitive(&table("adult")[7]))
}

fn census() -> Vec<Quasi> {
    let columns = CENSUS.iter().zip(table("census"));
    columns.map(|(name, column)| quasi(&column, hierarchy(&format!("kdd/h_{name}")))).collect()
}

/// Searches, and compares levels and the value to so many digits after the point; says how many looks it took.
#[track_caller]
fn finds(problem: &Problem, levels: &[u8], value: &str) {
    let answer = search(problem, &mut |_| ControlFlow::Continue(())).expect("runs");
    let best = answer.best.expect("there is one");
    let digits = value.split_once('.').map_or(0, |(_, part)| part.len());
    assert_eq!((best.levels.as_slice(), format!("{:.digits$}", best.value).as_str()), (levels, value));
    assert_eq!((answer.proof, best.ties), (Proof::Optimal, 1));
    let kept = Release::new(problem, &best.levels);
    let left_out = kept.kept().iter().filter(|kept| !**kept).count();
    assert_eq!(u64::try_from(left_out), Ok(best.left_out), "the release leaves out what the search said");
}

#[test]
fn adult_has_the_rows_of_the_published_table() {
    let columns = table("adult");
    assert_eq!((columns.len(), columns[0].len(), columns[1][0].as_str()), (9, 30_162, "39"));
}

#[test]
fn adult_k5_loss() {
    finds(&problem(adult(), 5, "0.04", Metric::Loss), &[0, 3, 0, 1, 1, 1, 1, 2, 0], "0.26611082");
}

#[test]
fn adult_k5_loss_without_suppression() {
    finds(&problem(adult(), 5, "0", Metric::Loss), &[0, 4, 1, 1, 3, 2, 2, 1, 0], "0.57315097");
}

#[test]
fn adult_k100_loss() {
    finds(&problem(adult(), 100, "0.04", Metric::Loss), &[0, 3, 1, 2, 2, 2, 1, 2, 0], "0.49875271");
}

#[test]
fn adult_k2_loss_without_suppression() {
    finds(&problem(adult(), 2, "0", Metric::Loss), &[0, 4, 1, 1, 3, 2, 0, 2, 0], "0.52969551");
}

#[test]
fn long_adult_k5_discernibility() {
    finds(&problem(adult(), 5, "0.04", Metric::Discernibility), &[0, 0, 1, 2, 3, 2, 2, 1, 1], "7220555");
}

#[test]
fn long_adult_k5_average_crowd() {
    finds(&problem(adult(), 5, "0.04", Metric::AverageCrowd), &[1, 0, 1, 1, 3, 2, 2, 0, 1], "28.80802292");
}

#[test]
fn adult_k5_entropy() {
    finds(&problem(adult(), 5, "0.04", Metric::Entropy), &[1, 0, 1, 1, 3, 2, 2, 0, 1], "264971.58256");
}

#[test]
fn adult_k5_entropy_of_generalization() {
    let levels = [1, 0, 1, 1, 3, 2, 2, 0, 1];
    finds(&problem(adult(), 5, "0.04", Metric::GeneralizationEntropy), &levels, "255559.854557");
}

#[test]
fn adult_distinct_diversity() {
    let (columns, occupation) = adult_with_sensitive_occupation();
    let mut problem = problem(columns, 5, "0.04", Metric::Loss);
    problem.sensitive.push(occupation);
    problem.rules.models.push((0, Model::DistinctDiversity(3)));
    finds(&problem, &[0, 3, 0, 1, 2, 1, 1, 0], "0.20520831");
}

#[test]
fn long_adult_entropy_diversity() {
    let (columns, occupation) = adult_with_sensitive_occupation();
    let mut problem = problem(columns, 1, "0.04", Metric::Entropy);
    problem.sensitive.push(occupation);
    problem.rules.models.push((0, Model::EntropyDiversity(ratio("5"))));
    finds(&problem, &[1, 0, 1, 1, 2, 2, 2, 1], "228878.203911");
}

#[test]
fn long_adult_closeness() {
    let (columns, occupation) = adult_with_sensitive_occupation();
    let mut problem = problem(columns, 5, "0.04", Metric::Loss);
    problem.sensitive.push(occupation);
    problem.rules.models.push((0, Model::EqualCloseness(ratio("0.2"))));
    finds(&problem, &[1, 4, 1, 1, 3, 1, 2, 1], "0.81500319");
}

#[test]
fn long_adult_closeness_with_an_order() {
    let (columns, occupation) = adult_with_sensitive_occupation();
    let mut problem = problem(columns, 5, "0.04", Metric::CrowdSquares);
    problem.sensitive.push(occupation);
    problem.rules.models.push((0, Model::OrderedCloseness(ratio("0.2"))));
    finds(&problem, &[0, 0, 1, 1, 2, 2, 2, 0], "2712340");
}

#[test]
fn long_census_k5_loss_without_suppression() {
    finds(&problem(census(), 5, "0", Metric::Loss), &[4, 1, 1, 1, 0, 0, 2, 2], "0.45182991");
}

#[test]
fn census_k5_loss() {
    finds(&problem(census(), 5, "0.02", Metric::Loss), &[3, 1, 2, 0, 0, 0, 0, 0], "0.15427494");
}

#[test]
fn long_census_k10_discernibility() {
    finds(&problem(census(), 10, "0.02", Metric::Discernibility), &[0, 2, 1, 1, 1, 0, 2, 2], "340214373");
}

#[test]
fn long_census_k10_entropy() {
    finds(&problem(census(), 10, "0.02", Metric::Entropy), &[0, 1, 1, 1, 1, 0, 1, 2], "1719649.89222");
}
