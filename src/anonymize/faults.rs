//! What can be known to be wrong with instructions before any row is read: rules that protect nobody, and rules that no
//! source could keep. Everything at once, with where it stands and what to write instead.

use std::collections::BTreeSet;

use super::classes::{Class, ClassProblem, ColumnRule, Treatment, problems};
use super::delimited::is_formula;
use super::instructions::{CountsAsked, FilterProblem, Instructions};
use super::ladders::Ladder;
use super::number::{Ratio, count};
use super::rules::Model;

/// Something that is wrong, in both languages. It names keys and columns of the instructions, nothing of a source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {english}")]
pub struct Fault {
    /// The key, as it is written.
    pub place: String,
    /// What is wrong with it, and what to write instead.
    pub english: String,
    /// The same for people.
    pub japanese: String,
}

impl Fault {
    /// What is wrong where.
    pub fn new(place: impl Into<String>, english: impl Into<String>, japanese: impl Into<String>) -> Self {
        Self { place: place.into(), english: english.into(), japanese: japanese.into() }
    }

    /// The sentence for people.
    pub fn sentence(&self) -> String {
        format!("{}：{}", self.place, self.japanese)
    }
}

impl Instructions {
    /// Everything that is wrong with them whatever the source holds; nothing, if they can be carried out.
    pub fn faults(&self) -> Vec<Fault> {
        let mut found = self.of_privacy();
        found.extend(self.of_columns());
        found.extend(self.of_models());
        found.extend(self.filter_problems().iter().map(of_filter));
        if let Some(asked) = &self.counts {
            found.extend(self.of_counts(asked));
        }
        found
    }

    fn of_privacy(&self) -> Vec<Fault> {
        let rules = &self.rules;
        let k = rules.k;
        let mut found = Vec::new();
        let mut say = |is_wrong: bool, fault: Fault| {
            if is_wrong {
                found.push(fault);
            }
        };
        let hides = "k must be at least 2: with less nobody is hidden; 10 is usual";
        let hidden = "kは2以上にしてください。1以下では誰も保護されません（通常は10）。";
        say(k < 2, Fault::new(format!("privacy.k = {k}"), hides, hidden));
        let whole = Ratio::whole(1);
        let share = "a share is at most 1, such as \"0.02\" for 2 %";
        let shares = "割合は1以下で書いてください（2 %なら \"0.02\"）。";
        for (key, ratio) in [("suppression", rules.suppression), ("singling_out", rules.singling_out)] {
            say(ratio > whole, Fault::new(format!("privacy.{key} = \"{ratio}\""), share, shares));
        }
        let few = |what: &str, places: &str, size: u64| {
            let english = format!("less than k = {k}: nothing could ever be released; write a larger number");
            let japanese =
                format!("{places}がk（{k}）より少ないと、何も出力できません。数を増やしてください。");
            Fault::new(format!("{what} = {size}"), english, japanese)
        };
        if let Some(most) = self.rows_max {
            say(most < k, few("rows_max", "読む行の上限", most));
        }
        if let Some(sample) = rules.sample.map(count) {
            say(sample < k, few("privacy.sample", "抜き取る行", sample));
        }
        found
    }

    fn of_columns(&self) -> Vec<Fault> {
        let columns = &self.rules.columns;
        let names: Vec<String> = columns.iter().map(|rule| rule.name.clone()).collect();
        let mut found: Vec<Fault> = problems(&names, columns).iter().map(of_class).collect();
        if columns.iter().all(|rule| rule.treatment == Treatment::Drop) {
            let english = "every column is dropped, so that nothing would be released: say what is wanted";
            found.push(Fault::new("columns", english, "すべての項目を削除するため、何も出力されません。"));
        }
        for rule in columns {
            found.extend(self.of_treatment(rule));
        }
        found
    }

    fn of_treatment(&self, rule: &ColumnRule) -> Option<Fault> {
        let at = |key: &str| format!("columns.{}{key}", rule.name);
        if rule.treatment != Treatment::Drop && is_formula(&rule.name) {
            let english = "a spreadsheet would run the name of this column: drop it, or have it named anew in the source";
            let japanese = "項目名が表計算ソフトの計算式として働きます。削除（drop）するか、元データで名前を変えてください。";
            return Some(Fault::new(at(""), english, japanese));
        }
        match &rule.treatment {
            Treatment::Pseudonym { .. } if self.rules.person.as_ref() != Some(&rule.name) => {
                Some(Fault::new(
                    at(".do = \"pseudonym\""),
                    "only the ids of persons can have pseudonyms: name this column as privacy.person, or drop it",
                    "仮名に置き換えられるのは人のIDだけです。privacy.person にこの項目を書くか、削除（drop）してください。",
                ))
            }
            Treatment::Shift { .. } if self.rules.person.is_none() => Some(Fault::new(
                at(".do = \"shift\""),
                "days are moved person by person: say in privacy.person whose each row is",
                "日付は人ごとにずらします。privacy.person に、誰の行かを示す項目を書いてください。",
            )),
            Treatment::Fold { below, .. } if *below < 2 => Some(Fault::new(
                at(&format!(".below = {below}")),
                "with less than 2 nothing is folded; 10 is usual",
                "2未満では何もまとめられません（通常は10）。",
            )),
            Treatment::Round { step: 0, .. } => {
                Some(Fault::new(at(".step = 0"), "a step is at least 1", "刻みは1以上にしてください。"))
            }
            Treatment::Round { low: Some(low), high: Some(high), .. } if low >= high => Some(Fault::new(
                at(&format!(".low = {low}")),
                format!("low must be less than high = {high}"),
                format!("low は high（{high}）より小さくしてください。"),
            )),
            Treatment::Pseudonym { .. }
            | Treatment::Shift { .. }
            | Treatment::Fold { .. }
            | Treatment::Round { .. }
            | Treatment::Drop
            | Treatment::Keep
            | Treatment::Table(_)
            | Treatment::Ladder(_) => None,
        }
    }

    fn of_models(&self) -> Vec<Fault> {
        let mut found = Vec::new();
        for (name, model) in &self.rules.models {
            let rule = self.rules.columns.iter().find(|rule| rule.name == *name);
            let place = format!("privacy.{} of {name}", model_key(*model));
            let is_released =
                |rule: &ColumnRule| rule.class == Class::Sensitive && rule.treatment != Treatment::Drop;
            if !rule.is_some_and(is_released) {
                let english =
                    "the rule is about a column that is not released as sensitive: it would protect nothing";
                let japanese =
                    "要配慮（sensitive）として出力する項目ではないため、この規則は何も守りません。";
                found.push(Fault::new(place.clone(), english, japanese));
            }
            if let Some((english, japanese)) = weakness(*model) {
                found.push(Fault::new(place, english, japanese));
            }
        }
        found
    }

    fn of_counts(&self, asked: &CountsAsked) -> Vec<Fault> {
        let mut found = Vec::new();
        let most = asked.rules.dimensions_max;
        if asked.by.is_empty() || asked.by.len() > most {
            let english = format!("a table groups by 1 to {most} columns (max_dimensions)");
            let japanese = format!("集計の軸は1個から{most}個まで（max_dimensions）にしてください。");
            found.push(Fault::new("table.by", english, japanese));
        }
        if let Some(name) = &asked.sum {
            let rule = self.rules.columns.iter().find(|rule| rule.name == *name);
            let adds_up = |rule: &ColumnRule| {
                matches!(rule.treatment, Treatment::Keep | Treatment::Round { low: None, high: None, .. })
                    && matches!(rule.class, Class::Measure | Class::Sensitive | Class::Public)
            };
            if !rule.is_some_and(adds_up) || asked.by.iter().any(|(by, _)| by == name) {
                let english = "only a column of whole numbers can be added up: class measure, sensitive or public, kept or rounded \
                               (without low and high), and not one that the table groups by";
                let japanese = "合計できるのは、測定値（measure）、要配慮（sensitive）、公開（public）のうち、そのまま（keep）か丸め（round、low と high なし）の整数の項目だけです。\
                                集計の軸にした項目は合計できません。";
                found.push(Fault::new(format!("table.sum = \"{name}\""), english, japanese));
            }
        }
        let mut seen = BTreeSet::new();
        for (name, level) in &asked.by {
            let place = format!("table.by of {name}");
            let rule = self.rules.columns.iter().find(|rule| rule.name == *name);
            let is_shown = |rule: &&ColumnRule| {
                rule.treatment != Treatment::Drop && !matches!(rule.class, Class::Link | Class::Direct)
            };
            match rule.filter(is_shown) {
                None => found.push(Fault::new(
                    place,
                    "it is not released: group by a column that is",
                    "出力しない項目では集計できません。",
                )),
                Some(_) if !seen.insert(name) => {
                    found.push(Fault::new(place, "it stands twice", "同じ項目が2回あります。"));
                }
                Some(rule) => {
                    if let Some(height) =
                        height(&rule.treatment).filter(|height| usize::from(*level) > *height)
                    {
                        let english = format!("there is no level {level}: the vaguest is {height}");
                        let japanese = format!("段階{level}はありません。最も粗い段階は{height}です。");
                        found.push(Fault::new(place, english, japanese));
                    }
                }
            }
        }
        found
    }
}

/// The vaguest level of what has levels.
fn height(treatment: &Treatment) -> Option<usize> {
    match treatment {
        Treatment::Table(hierarchy) => Some(hierarchy.height()),
        Treatment::Ladder(ladder) => Some(ladder.height() - ladder.finest()),
        Treatment::Shift { .. } => Some(Ladder::Days.height() - Ladder::Days.finest()),
        Treatment::Drop
        | Treatment::Keep
        | Treatment::Pseudonym { .. }
        | Treatment::Fold { .. }
        | Treatment::Round { .. } => None,
    }
}

fn model_key(model: Model) -> &'static str {
    match model {
        Model::DistinctDiversity(_) | Model::EntropyDiversity(_) | Model::RecursiveDiversity { .. } => "l",
        Model::EqualCloseness(_) | Model::OrderedCloseness(_) => "t",
    }
}

/// Why a rule lets everything through, or nothing.
fn weakness(model: Model) -> Option<(&'static str, &'static str)> {
    let diversity = (
        "value must be at least 2: with less a crowd may have one value only",
        "値（value）は2以上にしてください。2未満では、全員が同じ値でも通ります。",
    );
    let closeness = (
        "value must be less than 1: no distance is larger",
        "値（value）は1より小さくしてください。距離が1を超えることはありません。",
    );
    let never = ("c must be more than 0: nothing keeps it", "c は0より大きくしてください。");
    let one = Ratio::whole(1);
    match model {
        Model::DistinctDiversity(l) => (l < 2).then_some(diversity),
        // Below 2 it still asks for more than one value.
        Model::EntropyDiversity(l) => (l <= one).then_some(diversity),
        Model::RecursiveDiversity { l, .. } if l < 2 => Some(diversity),
        Model::RecursiveDiversity { c, .. } => (c.numerator() == 0).then_some(never),
        Model::EqualCloseness(t) | Model::OrderedCloseness(t) => (t >= one).then_some(closeness),
    }
}

fn of_class(problem: &ClassProblem) -> Fault {
    let english = problem.to_string();
    let (place, japanese) = match problem {
        ClassProblem::Unnamed { name } | ClassProblem::Missing { name } => {
            (format!("columns.{name}"), "規則と項目が一致しません。".to_owned())
        }
        ClassProblem::LookAlike { names } => {
            ("columns".to_owned(), format!("{}は見た目が同じ名前です。", names.join("、")))
        }
        ClassProblem::NotAllowed { name, .. } => {
            (format!("columns.{name}"), "この区分には使えない処理です。".to_owned())
        }
        ClassProblem::NeedsReason { name, class: Class::Sensitive } => (
            format!("columns.{name}"),
            "要配慮（sensitive）の項目をそのまま出力するには、[privacy] の l または t の規則か、理由（reason）が必要です。"
                .to_owned(),
        ),
        ClassProblem::NeedsReason { name, .. } => (
            format!("columns.{name}"),
            "公開（public）の項目には、公開してよい理由（reason）が必要です。".to_owned(),
        ),
    };
    Fault::new(place, english, japanese)
}

fn of_filter(problem: &FilterProblem) -> Fault {
    let (name, japanese) = match problem {
        FilterProblem::Column(name) => (name, "規則のない項目では行を選べません。"),
        FilterProblem::NamesPersons(name) => (name, "個人を示す項目では行を選べません。"),
        FilterProblem::NoOrder(name) => (name, "大小で比べる値は、日付か数にしてください。"),
    };
    Fault::new(format!("filter on {name}"), problem.to_string(), japanese)
}
