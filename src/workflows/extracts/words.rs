//! What reports call classes, treatments, metrics and rules.

use crate::anonymize::classes::{Class, Treatment};
use crate::anonymize::extract::ExtractRules;
use crate::anonymize::ladders::Ladder;
use crate::anonymize::metric::Metric;
use crate::anonymize::rules::Model;

use super::report::RuleReport;

/// A class, as instructions write it.
pub(super) const fn class(class: Class) -> &'static str {
    match class {
        Class::Direct => "direct",
        Class::PersonalCode => "pic",
        Class::Link => "link",
        Class::Quasi => "qi",
        Class::Date => "date",
        Class::Sensitive => "sensitive",
        Class::FreeText => "free_text",
        Class::Measure => "measure",
        Class::Public => "public",
        Class::Binary => "binary",
    }
}

/// A treatment, as instructions write it.
pub(super) const fn treatment(treatment: &Treatment) -> &'static str {
    match treatment {
        Treatment::Drop => "drop",
        Treatment::Pseudonym { .. } => "pseudonym",
        Treatment::Table(_) => "table",
        Treatment::Ladder(Ladder::Ages { .. }) => "age",
        Treatment::Ladder(Ladder::Days) => "days",
        Treatment::Ladder(Ladder::Postal) => "postal",
        Treatment::Ladder(Ladder::Icd10) => "icd10",
        Treatment::Shift { .. } => "shift",
        Treatment::Fold { .. } => "fold",
        Treatment::Round { .. } => "round",
        Treatment::Keep => "keep",
    }
}

/// A metric, as instructions write it.
pub(super) const fn metric(metric: Metric) -> &'static str {
    match metric {
        Metric::Loss => "loss",
        Metric::Discernibility => "discernibility",
        Metric::CrowdSquares => "crowd-squares",
        Metric::AverageCrowd => "average-crowd",
        Metric::Entropy => "entropy",
        Metric::GeneralizationEntropy => "generalization-entropy",
        Metric::Precision => "precision",
    }
}

/// What was asked for, rule by rule.
pub(super) fn asked(rules: &ExtractRules) -> Vec<RuleReport> {
    let rule = |asks: &str, done: String| RuleReport { asks: asks.to_owned(), done };
    let mut all = vec![
        rule("k（同じ組合せの最少人数）", rules.k.to_string()),
        rule("除外してよい行の割合", rules.suppression.to_string()),
    ];
    for (name, model) in &rules.models {
        let (kind, limit) = match model {
            Model::DistinctDiversity(l) => ("l（値の種類）", l.to_string()),
            Model::EntropyDiversity(l) => ("l（エントロピー）", l.to_string()),
            Model::RecursiveDiversity { c, l } => ("l（再帰的）", format!("c {c}、l {l}")),
            Model::EqualCloseness(t) => ("t（等距離）", t.to_string()),
            Model::OrderedCloseness(t) => ("t（順序）", t.to_string()),
        };
        all.push(rule(&format!("{name}：{kind}"), limit));
    }
    all
}
