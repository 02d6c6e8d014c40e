//! Whether an incident that a person is about to open may be one that is open already: one cause has one incident.

use std::collections::BTreeSet;

/// What is said of an incident.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said<'a> {
    /// The services that users cannot use.
    pub services: &'a [String],
    /// What its cause is about, where Kura opened it: a plan, a service, a target.
    pub subject: &'a str,
    /// What failed, in a sentence.
    pub content: &'a str,
    /// What else people and Kura wrote: where, what is concerned.
    pub texts: Vec<&'a str>,
}

impl<'a> Said<'a> {
    /// What it is about by name: its services, its subject, and those of the known names that its texts mention.
    fn about(&self, known: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
        let texts = self.texts.iter().copied().chain([self.content]);
        let mentioned = |name: &&'a str| texts.clone().any(|text| mentions(text, name));
        let named = self.services.iter().map(String::as_str).chain([self.subject]);
        let named = named.filter(|name| !name.is_empty());
        named.chain(known.iter().copied().filter(mentioned)).collect()
    }
}

/// Whether a text has a name in it. One of letters of ours is a whole word there: `records` is not in `records-old`.
fn mentions(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !name.is_empty()
        && text.match_indices(name).any(|(at, found)| {
            let before = text.get(..at).and_then(|before| before.chars().next_back());
            let after = text.get(at.saturating_add(found.len())..).and_then(|after| after.chars().next());
            let begins = !name.starts_with(is_part) || !before.is_some_and(is_part);
            begins && (!name.ends_with(is_part) || !after.is_some_and(is_part))
        })
}

/// What a new incident and an open one are both about; the text itself, if both say the same. `known` are the names of
/// plans and services.
pub fn common<'a>(new: &Said<'a>, open: &Said<'a>, known: &BTreeSet<&'a str>) -> Option<&'a str> {
    let mut known = known.clone();
    known.extend(open.services.iter().map(String::as_str));
    known.extend([open.subject].into_iter().filter(|subject| !subject.is_empty()));
    let (new_about, open_about) = (new.about(&known), open.about(&known));
    let shared = new_about.intersection(&open_about).next().copied();
    shared.or_else(|| (new.content == open.content).then_some(new.content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_the_same_plan_or_service_may_be_the_same_failure() {
        let portal = ["ポータル".to_owned()];
        let said = |services, subject, content| Said {
            services,
            subject,
            content,
            texts: vec!["ヘルプデスクへの電話"],
        };
        let portal = &portal[..];
        let known = BTreeSet::from(["records", "portal-db"]);
        let table = [
            (said(portal, "", "つながりません。"), said(portal, "", "遅いです。"), Some("ポータル")),
            (said(&[], "", "ポータルが遅い。"), said(portal, "", "つながりません。"), Some("ポータル")),
            (said(&[], "", "recordsの復元に失敗"), said(&[], "records", "警報"), Some("records")),
            (said(&[], "", "計画 records が読めない"), said(&[], "", "records の件"), Some("records")),
            (said(&[], "", "records-old の件"), said(&[], "records", "警報"), None),
            (said(&[], "", "停電しました。"), said(&[], "", "停電しました。"), Some("停電しました。")),
            (said(&[], "", "停電しました。"), said(&[], "", "漏水しました。"), None),
            (said(portal, "", "遅い"), said(&[], "portal-db", "警報"), None),
            (said(&[], "", "遅い"), said(&[], "", "止まった"), None),
        ];
        for (new, open, expected) in &table {
            assert_eq!(common(new, open, &known), *expected, "{new:?} {open:?}");
        }
    }
}
