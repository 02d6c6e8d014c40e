//! Forms: fields with their labels, what was sent in them, and what is wrong with it.

use std::borrow::Cow;

use maud::{Markup, html};
use secrecy::SecretString;

use super::visit::Visit;
use super::words::{Words, w};
use crate::domain::time::{Day, TimeOfDay, half_width};

/// What was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The pairs of a form.
    pub(super) const fn new(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// A field as it came; empty if it did not.
    pub(super) fn raw(&self, name: &str) -> &str {
        self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// A field in which digits and letters count: full-width ones are taken as the plain ones.
    pub(super) fn plain(&self, name: &str) -> String {
        half_width(self.raw(name)).trim().to_owned()
    }

    /// A field with words.
    pub(super) fn text(&self, name: &str) -> String {
        self.raw(name).trim().to_owned()
    }

    /// A password.
    pub(super) fn password(&self, name: &str) -> SecretString {
        half_width(self.raw(name)).into()
    }

    /// Whether a box is ticked.
    pub(super) fn is_set(&self, name: &str) -> bool {
        !self.raw(name).is_empty()
    }
}

/// What is wrong with a form, by field.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Vec<(&'static str, Words)>);

impl Faults {
    /// Adds one.
    pub(super) fn add(&mut self, field: &'static str, words: Words) {
        self.0.push((field, words));
    }

    /// One alone.
    pub(super) fn one(field: &'static str, words: Words) -> Self {
        Self(vec![(field, words)])
    }

    /// Whether something is wrong with a field.
    pub(super) fn is_of(&self, field: &str) -> bool {
        self.of(field).is_some()
    }

    /// Whether nothing is wrong.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, field: &str) -> Option<&Words> {
        self.0.iter().find(|(found, _)| *found == field).map(|(_, words)| words)
    }

    /// The summary at the top of a page, with a link to each field.
    pub(super) fn summary(&self, visit: &Visit) -> Markup {
        html! {
            @if !self.is_empty() {
                div class="errors" role="alert" {
                    h2 { (visit.t("入力内容に誤りがあります", "There is a problem")) }
                    ul {
                        @for (field, words) in &self.0 {
                            li { a href={ "#" (field) } { (visit.words(words)) } }
                        }
                    }
                }
            }
        }
    }
}

/// A field with one line.
pub(super) struct Line<'a> {
    /// Its name, and its id if it has no other.
    pub(super) name: &'static str,
    /// Its id, where a page has several of this name.
    pub(super) id: Option<String>,
    /// Its label.
    pub(super) label: Words,
    /// What may help.
    pub(super) hint: Option<Words>,
    /// What stands in it.
    pub(super) value: Cow<'a, str>,
    /// `text`, `password`.
    pub(super) kind: &'static str,
    /// For browsers: `username`, `one-time-code`, `off`.
    pub(super) autocomplete: &'static str,
    /// Whether it must be filled in.
    pub(super) is_required: bool,
}

impl<'a> Line<'a> {
    /// A required line of text.
    pub(super) fn text(name: &'static str, label: Words, value: impl Into<Cow<'a, str>>) -> Self {
        let (value, kind, autocomplete) = (value.into(), "text", "off");
        Self { name, id: None, label, hint: None, value, kind, autocomplete, is_required: true }
    }

    /// A required password; never filled in by us.
    pub(super) fn password(name: &'static str, label: Words, autocomplete: &'static str) -> Self {
        Self { kind: "password", autocomplete, ..Self::text(name, label, "") }
    }

    /// With a hint.
    pub(super) fn hint(self, hint: Words) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Another id than its name.
    pub(super) fn id(self, id: String) -> Self {
        Self { id: Some(id), ..self }
    }

    /// It may stay empty.
    pub(super) fn optional(self) -> Self {
        Self { is_required: false, ..self }
    }

    /// What browsers may fill in.
    pub(super) fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    /// The field.
    pub(super) fn show(&self, visit: &Visit, faults: &Faults) -> Markup {
        let id = self.id.as_deref().unwrap_or(self.name);
        let described = described(id, self.hint.is_some(), faults);
        html! {
            div class="field" {
                (label(visit, id, &self.label, self.is_required))
                (hint(visit, id, self.hint.as_ref()))
                (fault(visit, id, faults))
                input id=(id) name=(self.name) type=(self.kind) value=(self.value)
                    autocomplete=(self.autocomplete) aria-describedby=[described]
                    aria-invalid=[faults.of(id).map(|_| "true")]
                    aria-required=[self.is_required.then_some("true")] spellcheck="false" autocapitalize="none";
            }
        }
    }
}

fn described(name: &str, has_hint: bool, faults: &Faults) -> Option<String> {
    let hint = has_hint.then(|| format!("{name}-hint"));
    let fault = faults.of(name).map(|_| format!("{name}-fault"));
    let ids: Vec<String> = hint.into_iter().chain(fault).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

fn label(visit: &Visit, name: &str, words: &Words, is_required: bool) -> Markup {
    html! {
        label for=(name) {
            (visit.words(words)) " " (mark(visit, is_required))
        }
    }
}

fn mark(visit: &Visit, is_required: bool) -> Markup {
    html! {
        @if is_required {
            span class="required" { (visit.t("※必須", "※required")) }
        } @else {
            span class="optional" { (visit.t("任意", "optional")) }
        }
    }
}

fn hint(visit: &Visit, name: &str, words: Option<&Words>) -> Markup {
    html! { @if let Some(words) = words { p class="hint" id={ (name) "-hint" } { (visit.words(words)) } } }
}

/// What is wrong with a field, if something is.
pub(super) fn fault(visit: &Visit, name: &str, faults: &Faults) -> Markup {
    html! {
        @if let Some(words) = faults.of(name) {
            p class="fault" id={ (name) "-fault" } { (visit.t("誤り：", "Error: ")) (visit.words(words)) }
        }
    }
}

/// A field for a file.
pub(super) fn file(
    visit: &Visit,
    (name, words): (&'static str, &Words),
    hint_words: &Words,
    faults: &Faults,
) -> Markup {
    html! {
        div class="field" {
            (label(visit, name, words, true))
            (hint(visit, name, Some(hint_words)))
            (fault(visit, name, faults))
            input id=(name) name=(name) type="file" aria-describedby=[described(name, true, faults)]
                aria-invalid=[faults.of(name).map(|_| "true")] aria-required="true";
        }
    }
}

/// A field with several lines.
pub(super) fn area(
    visit: &Visit,
    (name, words): (&'static str, &Words),
    hint_words: Option<&Words>,
    value: &str,
    (is_required, faults): (bool, &Faults),
) -> Markup {
    html! {
        div class="field" {
            (label(visit, name, words, is_required))
            (hint(visit, name, hint_words))
            (fault(visit, name, faults))
            textarea id=(name) name=(name) rows="3" aria-describedby=[described(name, hint_words.is_some(), faults)]
                aria-invalid=[faults.of(name).map(|_| "true")] { (value) }
        }
    }
}

/// A choice from a list.
pub(super) fn choice(
    visit: &Visit,
    (name, words): (&'static str, &Words),
    options: &[(String, String)],
    chosen: &str,
    faults: &Faults,
) -> Markup {
    html! {
        div class="field" {
            (label(visit, name, words, true))
            (fault(visit, name, faults))
            select id=(name) name=(name) aria-describedby=[described(name, false, faults)] {
                @for (value, text) in options {
                    option value=(value) selected[value == chosen] { (text) }
                }
            }
        }
    }
}

/// A form of this session.
pub(super) fn form(visit: &Visit, action: &str, inside: &Markup) -> Markup {
    html! {
        form method="post" action=(action) {
            @if let Some(token) = visit.form_token() { input type="hidden" name="token" value=(token); }
            (inside)
        }
    }
}

/// A form of this session that holds a file.
pub(super) fn upload(visit: &Visit, action: &str, inside: &Markup) -> Markup {
    html! {
        form method="post" action=(action) enctype="multipart/form-data" {
            @if let Some(token) = visit.form_token() { input type="hidden" name="token" value=(token); }
            (inside)
        }
    }
}

/// A field that goes along unseen.
pub(super) fn hidden(name: &str, value: &str) -> Markup {
    html! { input type="hidden" name=(name) value=(value); }
}

/// The button that sends a form.
pub(super) fn button(class: &'static str, text: &str) -> Markup {
    html! { button type="submit" class={ "button " (class) } { (text) } }
}

/// Reads a day: `2026-12-06`, `2026/12/6`, `2026年12月6日`, `令和8年12月6日`, `R8.12.6`; full-width digits too.
pub(super) fn day(text: &str) -> Option<Day> {
    let plain = half_width(text).trim().replace("元年", "1年");
    let (era, rest) = match plain.strip_prefix("令和").or_else(|| plain.strip_prefix(['R', 'r'])) {
        Some(rest) => (2018, rest),
        None => (0, plain.as_str()),
    };
    let parts = rest.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let numbers: Vec<i16> = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
    let [year, month, day] = numbers.as_slice() else { return None };
    Day::of(year.checked_add(era)?, i8::try_from(*month).ok()?, i8::try_from(*day).ok()?)
        .filter(|day| (2000..=2200).contains(&day.date().year()))
}

/// Reads a time: `1:00`, `０１：００`, `1時`, `1時30分`.
pub(super) fn time(text: &str) -> Option<TimeOfDay> {
    let plain = half_width(text).trim().replace('時', ":").replace('分', "");
    let whole = if plain.ends_with(':') { format!("{plain}00") } else { plain };
    whole.parse().ok()
}

/// The words for a field that must not be empty.
pub(super) fn missing(ja: &str, en: &str) -> Words {
    w(format!("{ja}を入力してください。"), format!("Enter {en}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_people_write_them() {
        for text in [
            "2026-12-06",
            "2026/12/6",
            "２０２６年１２月６日",
            "令和8年12月6日",
            "令和８年１２月６日（日）",
            "R8.12.6",
        ] {
            assert_eq!(day(text).map(|day| day.to_string()).as_deref(), Some("2026-12-06"), "{text}");
        }
        assert_eq!(day("令和元年5月1日").map(|day| day.to_string()).as_deref(), Some("2019-05-01"));
        for text in ["", "2026-13-01", "2026-02-30", "12-06", "1-1-1", "2026-12-06-07", "99999-1-1"] {
            assert_eq!(day(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, expected) in [
            ("9:00", "09:00"),
            ("０９：００", "09:00"),
            ("1時", "01:00"),
            ("23時30分", "23:30"),
            (" 1:05 ", "01:05"),
        ] {
            assert_eq!(time(text).map(|time| time.to_string()).as_deref(), Some(expected), "{text}");
        }
        assert!(["", "24:00", "1", "あ"].into_iter().all(|text| time(text).is_none()));
    }
}
