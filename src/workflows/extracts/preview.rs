//! What a row will look like, with made-up values: from the rules and the levels alone, never from a row.

use serde::{Deserialize, Serialize};

use crate::anonymize::classes::Treatment;
use crate::anonymize::extract::ExtractRules;
use crate::anonymize::ladders::Ladder;
use crate::anonymize::pseudonym::ExtractKey;

use super::report::ExtractReport;

/// What stands for a value that is released: one form for what people read as the same (`normal_form::canonical`).
const AS_IT_IS: &str = "（元の値。全角・半角、空白、見えない文字の表記だけそろえ、空欄は「不明」）";

/// A cell of the row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewCell {
    /// The column.
    pub column: String,
    /// What it would say of somebody who does not exist.
    pub text: String,
}

/// The row, column by column.
pub(super) fn preview(rules: &ExtractRules, report: &ExtractReport) -> Vec<PreviewCell> {
    let mut cells = Vec::new();
    // In the order of the report, which is that of the source and of what is released.
    for column in &report.columns {
        let Some(rule) = rules.columns.iter().find(|rule| rule.name == column.name) else { continue };
        let by = report.counts.as_ref().map(|counts| counts.by.iter().find(|(name, _)| *name == rule.name));
        let level = match by {
            // A table of counts: the columns that it groups by, and no others.
            Some(None) => continue,
            Some(Some((_, level))) => *level,
            None => column.level.map_or(0, |(level, _)| level),
        };
        if let Some(text) = text(&rule.treatment, usize::from(level)) {
            cells.push(PreviewCell { column: rule.name.clone(), text });
        }
    }
    if report.counts.is_some() {
        cells.push(PreviewCell {
            column: crate::anonymize::count_extract::PERSONS.to_owned(),
            text: "120".to_owned(),
        });
        let sum = report.counts.as_ref().and_then(|counts| counts.sum.as_ref());
        cells.extend(sum.map(|(name, _)| PreviewCell {
            column: crate::anonymize::count_extract::sum_head(name),
            text: "123456".to_owned(),
        }));
    }
    cells
}

fn text(treatment: &Treatment, level: usize) -> Option<String> {
    Some(match treatment {
        Treatment::Drop => return None,
        // A key of its own: it says nothing about any other.
        Treatment::Pseudonym { space } => ExtractKey::new(&[0; 32], "preview").pseudonym(space, "preview"),
        Treatment::Ladder(ladder) => rung(ladder, level),
        Treatment::Shift { .. } => rung(&Ladder::Days, level),
        Treatment::Table(hierarchy) => {
            let lines = hierarchy.lines();
            lines.first().and_then(|line| line.get(level)).cloned().unwrap_or_default()
        }
        Treatment::Keep => AS_IT_IS.to_owned(),
        Treatment::Fold { below, other } => {
            format!("{AS_IT_IS}または「{other}」（{below}人に満たない値）")
        }
        Treatment::Round { step, low, high } => {
            let own = 3 * i64::from(*step);
            let own = low.map_or(own, |low| own.max(low + i64::from(*step)));
            format!("{}（{step}単位）", high.map_or(own, |high| own.min(high)))
        }
    })
}

/// Somebody of 42, born on a day, living at a postal code, with a disease: nobody.
fn rung(ladder: &Ladder, level: usize) -> String {
    let made_up = match ladder {
        Ladder::Ages { .. } => "42",
        Ladder::Days => "2024-05-17",
        Ladder::Postal => "460-0001",
        Ladder::Icd10 => "E11.9",
    };
    let climbed = ladder.climb(&[made_up.to_owned()]).ok();
    let line = climbed.and_then(|climbed| climbed.hierarchy.lines().into_iter().next());
    line.and_then(|line| line.get(ladder.finest() + level).cloned()).unwrap_or_default()
}
