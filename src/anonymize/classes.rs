//! What each column of a source is, and what is done with it: deny by default.
//!
//! Every column is named once with one class and one treatment; what is not named is not released, and a source that
//! has more, fewer or other columns than the rules is refused. What may be done with a class is one table, here.

use std::collections::BTreeMap;

use super::hierarchy::Hierarchy;
use super::ladders::Ladder;
use super::normal_form::canonical;

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Names a person by itself: a name, a telephone number.
    Direct,
    /// A number that the law calls 個人識別符号. It can only be dropped.
    PersonalCode,
    /// A number that joins rows of one person, inside the house only.
    Link,
    /// One of the columns by which a person could be recognised together with others.
    Quasi,
    /// A day; one of those columns too.
    Date,
    /// What nobody may learn about a person.
    Sensitive,
    /// Text that anybody wrote. It can only be dropped.
    FreeText,
    /// A measured number.
    Measure,
    /// A column that says nothing about a person; the reason is written down.
    Public,
    /// Pictures, documents. They can only be dropped.
    Binary,
}

/// What is done with a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Treatment {
    /// It is not released.
    Drop,
    /// Ids become pseudonyms of this extract. `space` says whose they are.
    Pseudonym {
        /// Whose ids these are.
        space: String,
    },
    /// Made vaguer along a table.
    Table(Hierarchy),
    /// Made vaguer along a rule.
    Ladder(Ladder),
    /// Days are moved by a number of days of the person's own, then only their month is released.
    Shift {
        /// By at most so many days either way.
        days_max: u16,
    },
    /// Values that fewer than `below` persons have become `other`.
    Fold {
        /// Persons.
        below: u64,
        /// What rare values become.
        other: String,
    },
    /// Numbers are rounded to multiples of `step`; those below `low` and above `high` become these.
    Round {
        /// The step.
        step: u32,
        /// Bottom.
        low: Option<i64>,
        /// Top.
        high: Option<i64>,
    },
    /// It is released as it is.
    Keep,
}

/// What the rules say of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRule {
    /// Its name in the source, letter by letter.
    pub name: String,
    /// What it is.
    pub class: Class,
    /// What is done with it.
    pub treatment: Treatment,
    /// Why a public column is public, or a sensitive one needs no model.
    pub reason: Option<String>,
    /// Whether l-diversity or t-closeness is asked of it.
    pub has_model: bool,
}

/// Why the rules do not fit a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum ClassProblem {
    /// The source has it, the rules do not.
    #[error("column {name:?} of the source has no rule: give it a class, or it cannot be released")]
    Unnamed {
        /// The column.
        name: String,
    },
    /// The rules have it, the source does not.
    #[error("the rules name column {name:?}, which the source does not have")]
    Missing {
        /// The column.
        name: String,
    },
    /// Two columns have names that people read as one.
    #[error("columns {names:?} have names that people read as one: rename one of them")]
    LookAlike {
        /// Their names.
        names: Vec<String>,
    },
    /// The class does not allow this.
    #[error("column {name:?}: what is {class:?} cannot be treated like this")]
    NotAllowed {
        /// The column.
        name: String,
        /// What it is.
        class: Class,
    },
    /// Public without a reason, or sensitive without a rule for its values.
    #[error("column {name:?} is {class:?}: this needs a written reason{}", if *.class == Class::Sensitive { ", or l-diversity or t-closeness" } else { "" })]
    NeedsReason {
        /// The column.
        name: String,
        /// What it is.
        class: Class,
    },
}

impl Class {
    /// Whether this may be done with a column of this class.
    pub fn allows(self, treatment: &Treatment) -> bool {
        use Treatment::{Drop, Fold, Keep, Ladder, Pseudonym, Round, Shift, Table};
        match (self, treatment) {
            (_, Drop) => true,
            (Self::PersonalCode | Self::FreeText | Self::Binary, _) => false,
            (Self::Direct | Self::Link, Pseudonym { .. }) => true,
            (Self::Direct | Self::Link, _) => false,
            (Self::Quasi, Table(_) | Ladder(_)) => true,
            (Self::Quasi, _) => false,
            (Self::Date, Shift { .. } | Ladder(super::ladders::Ladder::Days)) => true,
            (Self::Date, _) => false,
            (Self::Sensitive, Keep | Fold { .. } | Round { .. }) => true,
            (Self::Sensitive, _) => false,
            (Self::Measure, Round { step, .. }) => *step > 0,
            (Self::Measure, _) => false,
            (Self::Public, Keep | Fold { .. } | Round { .. }) => true,
            (Self::Public, _) => false,
        }
    }
}

/// Everything that speaks against these rules for a source with these columns; nothing, if they fit.
pub fn problems(source: &[String], rules: &[ColumnRule]) -> Vec<ClassProblem> {
    let mut found = Vec::new();
    for name in source.iter().filter(|name| !rules.iter().any(|rule| rule.name == **name)) {
        found.push(ClassProblem::Unnamed { name: name.clone() });
    }
    for rule in rules {
        let (name, class) = (rule.name.clone(), rule.class);
        if !source.contains(&rule.name) {
            found.push(ClassProblem::Missing { name });
        } else if !class.allows(&rule.treatment) {
            found.push(ClassProblem::NotAllowed { name, class });
        } else if rule.needs_reason() {
            found.push(ClassProblem::NeedsReason { name, class });
        }
    }
    for names in [source.to_vec(), rules.iter().map(|rule| rule.name.clone()).collect()] {
        let mut alike: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in names {
            alike.entry(skeleton(&name)).or_default().push(name);
        }
        let twins = alike.into_values().filter(|names| names.len() > 1);
        found.extend(twins.map(|names| ClassProblem::LookAlike { names }));
    }
    found.sort();
    found.dedup();
    found
}

impl ColumnRule {
    fn needs_reason(&self) -> bool {
        let has_reason = self.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty());
        let is_released = self.treatment != Treatment::Drop;
        let is_open = self.class == Class::Public || (self.class == Class::Sensitive && !self.has_model);
        is_released && is_open && !has_reason
    }
}

/// Letters of other scripts that look like Latin ones.
const CONFUSABLE: &[(char, char)] = &[
    ('а', 'a'),
    ('с', 'c'),
    ('е', 'e'),
    ('һ', 'h'),
    ('і', 'i'),
    ('ј', 'j'),
    ('к', 'k'),
    ('м', 'm'),
    ('о', 'o'),
    ('р', 'p'),
    ('ѕ', 's'),
    ('т', 't'),
    ('у', 'y'),
    ('х', 'x'),
    ('ԁ', 'd'),
    ('в', 'b'),
    ('н', 'h'),
    ('α', 'a'),
    ('β', 'b'),
    ('ε', 'e'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('ν', 'v'),
    ('ο', 'o'),
    ('ρ', 'p'),
    ('τ', 't'),
    ('υ', 'u'),
    ('χ', 'x'),
    ('ı', 'i'),
    ('l', 'i'),
    ('1', 'i'),
    ('|', 'i'),
    ('0', 'o'),
];

/// A name as the eye reads it: case, width and look-alike letters folded, marks between words left out.
fn skeleton(name: &str) -> String {
    let lower = canonical(name).to_lowercase();
    let letters = lower.chars().filter(|c| !super::normal_form::is_separator(*c));
    letters.map(|c| CONFUSABLE.iter().find(|(like, _)| *like == c).map_or(c, |(_, latin)| *latin)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, class: Class, treatment: Treatment) -> ColumnRule {
        ColumnRule { name: name.to_owned(), class, treatment, reason: None, has_model: false }
    }

    fn found(source: &[&str], rules: &[ColumnRule]) -> Vec<ClassProblem> {
        problems(&source.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), rules)
    }

    fn pseudonym() -> Treatment {
        Treatment::Pseudonym { space: "patient".to_owned() }
    }

    #[test]
    fn case_20_a_source_that_drifted_is_refused() {
        let rules = [rule("id", Class::Link, pseudonym()), rule("note", Class::FreeText, Treatment::Drop)];
        assert!(found(&["id", "note"], &rules).is_empty());
        let unnamed = ClassProblem::Unnamed { name: "my_number2".into() };
        assert_eq!(found(&["id", "note", "my_number2"], &rules), [unnamed]);
        assert_eq!(found(&["id"], &rules), [ClassProblem::Missing { name: "note".into() }]);
        for look_alike in ["Ｉd", "іd", "ID", "id "] {
            let found = found(&["id", "note", look_alike], &rules);
            assert!(
                found.iter().any(|problem| matches!(problem, ClassProblem::LookAlike { .. })),
                "{look_alike}"
            );
            assert!(found.contains(&ClassProblem::Unnamed { name: look_alike.into() }));
        }
        assert!(!found(&["іd", "note"], &rules).is_empty(), "a renamed column has no rule");
    }

    #[test]
    fn case_11_what_names_a_person_is_dropped_or_replaced_and_nothing_else() {
        for class in [Class::PersonalCode, Class::FreeText, Class::Binary] {
            for treatment in [Treatment::Keep, pseudonym(), Treatment::Ladder(Ladder::Postal)] {
                assert!(!class.allows(&treatment), "{class:?} {treatment:?}");
            }
            assert!(class.allows(&Treatment::Drop));
        }
        assert!(!Class::Direct.allows(&Treatment::Keep) && !Class::Link.allows(&Treatment::Keep));
        assert!(!Class::Quasi.allows(&Treatment::Keep) && !Class::Date.allows(&Treatment::Keep));
        assert!(!Class::Measure.allows(&Treatment::Keep));
        assert!(Class::Link.allows(&pseudonym()));
        let refused = found(&["my_number"], &[rule("my_number", Class::PersonalCode, pseudonym())]);
        assert_eq!(
            refused,
            [ClassProblem::NotAllowed { name: "my_number".into(), class: Class::PersonalCode }]
        );
    }

    #[test]
    fn case_2_a_sensitive_column_without_a_model_needs_a_reason() {
        let mut icd = rule("icd10", Class::Sensitive, Treatment::Keep);
        let needed = ClassProblem::NeedsReason { name: "icd10".into(), class: Class::Sensitive };
        assert_eq!(found(&["icd10"], std::slice::from_ref(&icd)), std::slice::from_ref(&needed));
        assert!(needed.to_string().contains("l-diversity"));
        icd.reason = Some("  ".into());
        assert_eq!(found(&["icd10"], std::slice::from_ref(&icd)), [needed]);
        icd.reason = Some("倫理審査 2026-12".into());
        assert!(found(&["icd10"], std::slice::from_ref(&icd)).is_empty());
        (icd.reason, icd.has_model) = (None, true);
        assert!(found(&["icd10"], &[icd]).is_empty());
        let public = rule("ward", Class::Public, Treatment::Keep);
        assert_eq!(found(&["ward"], &[public]).len(), 1);
    }
}
