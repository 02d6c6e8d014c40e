//! Applications for a permit (別紙2) as files: `kura permit apply FILE.toml`.
//!
//! What is extracted stands in the table `extract`, which is written again in one form: that text is approved.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Spanned, Value};

use super::diagnose::{Diagnosis, Refused, hint, list};
use super::extraction::{BadInstructions, read_instructions};
use crate::domain::account::AccountId;
use crate::domain::permit::{AfterUse, Attachment, BadContent, Form, LegalClass, Medium, PermitContent};
use crate::domain::permit_text::digest_of_hex;
use crate::domain::time::{Day, half_width};

/// The first line of a file says what it is.
const SCHEMA: &str = "kura-permit/1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    permit: Spanned<BTreeMap<String, Spanned<Value>>>,
    extract: Spanned<toml::Table>,
}

/// What `[permit]` may say.
const FIELDS: [&str; 15] = [
    "subject",
    "purpose",
    "processing",
    "medium",
    "medium_other",
    "after_use",
    "after_use_other",
    "after_use_due",
    "period",
    "execution",
    "remarks",
    "attachments",
    "form",
    "legal_class",
    "executions_max",
];

/// An attachment: its digest, or the file to take it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attaching {
    /// SHA-256 of its content.
    Digest([u8; 32]),
    /// The file, relative to that of the application.
    File(PathBuf),
}

/// An application as it was written; who applies and when is said by whoever applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Application {
    content: PermitContent,
    /// The attachments with their names.
    pub attachments: Vec<(String, Attaching)>,
}

impl Application {
    /// What is applied for, with the attachments as they were read.
    pub fn content(&self, applicant: AccountId, attachments: Vec<Attachment>) -> PermitContent {
        PermitContent { applicant, attachments, ..self.content.clone() }
    }
}

/// Reads an application from text. `file_name` names it in messages.
///
/// # Errors
/// Everything that is wrong, with the place and the name of the field; only where the text cannot be read as such, the
/// first thing.
pub fn parse_permit(file_name: &str, text: &str) -> Result<Application, Refused> {
    let mut diagnosis = Diagnosis::new(file_name, text);
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            diagnosis.say(&error.span().unwrap_or(0..0), error.message());
            return Err(diagnosis.into_refused());
        }
    };
    if file.schema != SCHEMA {
        let message = format!("schema is {:?}; this program reads {SCHEMA:?}", file.schema);
        return Err(Refused::whole_file(file_name, message));
    }
    let place = file.permit.span();
    let fields = file.permit.into_inner();
    let mut reading = Reading { diagnosis, fields, place, at: BTreeMap::new(), wrong: BTreeSet::new() };
    let read = reading.application(file.extract.get_ref());
    if !reading.diagnosis.is_clean() {
        let extraction = toml::to_string(file.extract.get_ref()).unwrap_or_default();
        for words in read_instructions(&extraction).err().iter().flat_map(BadInstructions::english) {
            reading.diagnosis.say(&file.extract.span(), format!("extract: {words}"));
        }
    }
    match read {
        Some(application) if reading.diagnosis.is_clean() => Ok(application),
        Some(_) | None => Err(reading.diagnosis.into_refused()),
    }
}

/// The fields as they are read, one after the other; what is wrong with one is no reason not to read the next.
struct Reading<'t> {
    diagnosis: Diagnosis<'t>,
    fields: BTreeMap<String, Spanned<Value>>,
    /// Where the fields stand.
    place: Range<usize>,
    at: BTreeMap<&'static str, Range<usize>>,
    wrong: BTreeSet<&'static str>,
}

impl Reading<'_> {
    fn say(&mut self, name: &'static str, words: &str) {
        let at = self.at.get(name).unwrap_or(&self.place);
        self.diagnosis.say(at, format!("permit.{words}"));
        self.wrong.insert(name);
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        let found = self.fields.remove(name)?;
        self.at.insert(name, found.span());
        Some(found.into_inner())
    }

    fn must(&mut self, name: &'static str) -> Option<Value> {
        let found = self.take(name);
        if found.is_none() {
            self.say(name, &format!("{name} is missing"));
        }
        found
    }

    fn text_of(&mut self, name: &'static str, value: Option<Value>) -> String {
        match value {
            Some(Value::String(text)) => return text,
            Some(_) => self.say(name, &format!("{name} must be text in quotes")),
            None => {}
        }
        String::new()
    }

    fn text(&mut self, name: &'static str) -> String {
        let value = self.must(name);
        self.text_of(name, value)
    }

    fn text_if_any(&mut self, name: &'static str) -> String {
        let value = self.take(name);
        self.text_of(name, value)
    }

    fn word<T>(&mut self, name: &'static str, of: impl Fn(&str) -> Option<T>, words: &[&str]) -> Option<T> {
        let word = self.text(name);
        let found = of(&word);
        if found.is_none() && !self.wrong.contains(name) {
            self.say(name, &format!("{name} is {word:?}; allowed: {}", list(words)));
        }
        found
    }

    /// One of a few words, or `other` with words of its own.
    fn choice<T>(
        &mut self,
        (name, other): (&'static str, &'static str),
        of: impl Fn(&str, &str) -> Option<T>,
        words: &[&str],
    ) -> Option<T> {
        let more = self.text_if_any(other);
        let is_other = self.fields.get(name).and_then(|value| value.get_ref().as_str()) == Some("other");
        if !is_other && !more.is_empty() {
            self.say(other, &format!("{other} is said only where permit.{name} is \"other\""));
        }
        self.word(name, |word| of(word, &more), words)
    }

    fn day(&mut self, name: &'static str, key: &str, value: Option<&Value>) -> Option<Day> {
        let Some(value) = value else {
            self.say(name, &format!("{key} is missing"));
            return None;
        };
        match day(value) {
            Ok(day) => Some(day),
            Err(error) => {
                self.say(name, &format!("{key}: {error}"));
                None
            }
        }
    }

    fn span(&mut self, name: &'static str) -> Option<(Day, Day)> {
        let Value::Table(mut table) = self.must(name)? else {
            self.say(name, &format!("{name} must be {{ from = DAY, until = DAY }}"));
            return None;
        };
        let (from, until) = (table.remove("from"), table.remove("until"));
        for key in table.keys() {
            self.say(name, &format!("{name}.{key} is unknown; {}", hint(key, &["from", "until"])));
        }
        let from = self.day(name, &format!("{name}.from"), from.as_ref());
        let until = self.day(name, &format!("{name}.until"), until.as_ref());
        Some((from?, until?))
    }

    fn attachments(&mut self) -> Vec<(String, Attaching)> {
        const NAME: &str = "attachments";
        let rows = match self.take(NAME) {
            Some(Value::Array(rows)) => rows,
            Some(_) => {
                self.say(NAME, "attachments must be a list");
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let mut found = Vec::new();
        for row in rows {
            match attached(row) {
                Ok(attached) => found.push(attached),
                Err(words) => self.say(NAME, &format!("attachments: {words}")),
            }
        }
        found
    }

    fn executions(&mut self) -> u32 {
        let Some(value) = self.take("executions_max") else { return 1 };
        let number = value.as_integer().and_then(|number| u32::try_from(number).ok());
        if number.is_none() {
            self.say("executions_max", "executions_max must be a whole number");
        }
        number.unwrap_or(1)
    }

    fn application(&mut self, extract: &toml::Table) -> Option<Application> {
        // Everything is read before anything is given up.
        let (subject, purpose, processing) =
            (self.text("subject"), self.text("purpose"), self.text("processing"));
        let medium = self.choice(("medium", "medium_other"), Medium::of_word, &Medium::WORDS);
        let after_use = self.choice(("after_use", "after_use_other"), AfterUse::of_word, &AfterUse::WORDS);
        let due = self.must("after_use_due");
        let due = due.and_then(|due| self.day("after_use_due", "after_use_due", Some(&due)));
        let (period, execution) = (self.span("period"), self.span("execution"));
        let (remarks, attachments) = (self.text_if_any("remarks"), self.attachments());
        let form = self.word("form", Form::of_word, &Form::ALL.map(Form::word));
        let classes = LegalClass::ALL.map(LegalClass::word);
        let legal_class = self.word("legal_class", LegalClass::of_word, &classes);
        let executions_max = self.executions();
        for (name, value) in std::mem::take(&mut self.fields) {
            let words = format!("permit.{name} is unknown; {}", hint(&name, &FIELDS));
            self.diagnosis.say(&value.span(), words);
        }
        let extraction = toml::to_string(extract).unwrap_or_default();
        // A day or a word that could not be read is made up: what stands on it is not looked at.
        let some_day = due.or(period.map(|(first, _)| first)).or(execution.map(|(first, _)| first));
        let some_day = some_day.unwrap_or_else(|| Day::from_number(0));
        let named = |(name, _): &(String, Attaching)| Attachment { name: name.clone(), sha256: [0; 32] };
        let mut content = PermitContent {
            applied_on: some_day,
            // Whoever applies says so himself.
            applicant: "applicant0".parse().ok()?,
            subject,
            purpose,
            processing,
            medium: medium.unwrap_or(Medium::CdR),
            after_use: after_use.unwrap_or(AfterUse::Erased),
            after_use_due: due.unwrap_or(some_day),
            period: period.unwrap_or((some_day, some_day)),
            execution: execution.unwrap_or((some_day, some_day)),
            remarks,
            attachments: attachments.iter().map(named).collect(),
            form: form.unwrap_or(Form::File),
            legal_class: legal_class.unwrap_or(LegalClass::Statistics),
            executions_max,
            extraction,
        };
        for problem in content.problems() {
            if !stands_on(problem).iter().any(|name| self.wrong.contains(name)) {
                self.say(problem.field(), &problem.to_string());
            }
        }
        content.attachments.clear();
        Some(Application { content, attachments })
    }
}

/// The fields that a problem is about.
const fn stands_on(problem: BadContent) -> [&'static str; 2] {
    match problem {
        BadContent::Execution => ["execution", "period"],
        BadContent::AfterUse => ["after_use_due", "period"],
        BadContent::MediumOther => ["medium_other", "medium"],
        BadContent::AfterUseOther => ["after_use_other", "after_use"],
        other => [other.field(); 2],
    }
}

/// An attachment: its name, and its digest or its file.
fn attached(row: Value) -> Result<(String, Attaching), String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Attached {
        name: String,
        sha256: Option<String>,
        file: Option<PathBuf>,
    }
    let attached: Attached = row.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let how = match (attached.sha256, attached.file) {
        (Some(hex), None) => Attaching::Digest(
            digest_of_hex(&hex).ok_or_else(|| format!("{hex:?} is no SHA-256 of 64 hexadecimal digits"))?,
        ),
        (None, Some(path)) => Attaching::File(path),
        _ => return Err("each has a name, and either sha256 or file".to_owned()),
    };
    Ok((attached.name, how))
}

/// A date of TOML, or the same as text, full-width digits too.
fn day(value: &Value) -> Result<Day, String> {
    let text = match value {
        Value::Datetime(date) => date.to_string(),
        Value::String(text) => half_width(text.trim()),
        other => other.to_string(),
    };
    text.parse().map_err(|error| format!("{error}"))
}

/// The path of an attachment beside the file of its application.
pub fn beside(application: &Path, attachment: &Path) -> PathBuf {
    application.parent().unwrap_or_else(|| Path::new("")).join(attachment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
schema = "kura-permit/1"
[permit]
subject = "糖尿病の受診動向"
purpose = "学会発表"
processing = "年齢は5歳刻み"
medium = "usb-memory"
after_use = "erase"
after_use_due = 2027-01-31
period = { from = 2026-12-01, until = "２０２６－１２－２８" }
execution = { from = 2026-12-02, until = 2026-12-04 }
attachments = [{ name = "研究計画書.pdf", file = "plan.pdf" }]
form = "file"
legal_class = "statistics"
[extract]
source = { table = "admissions" }
[extract.columns]
b = "drop"
a = "drop"
"#;

    #[test]
    fn an_application_is_read_and_what_is_extracted_has_one_form() {
        let read = parse_permit("p.toml", GOOD).unwrap();
        let content = read.content("tanaka00001".parse().unwrap(), Vec::new());
        assert_eq!(content.period.1, "2026-12-28".parse().unwrap());
        assert_eq!(content.executions_max, 1);
        assert_eq!(read.attachments, [("研究計画書.pdf".to_owned(), Attaching::File("plan.pdf".into()))]);
        let turned = GOOD.replace("b = \"drop\"\na = \"drop\"", "a = 'drop' # first\nb = \"drop\"");
        assert_ne!(turned, GOOD);
        assert_eq!(parse_permit("p.toml", &turned).unwrap(), read, "the order and the marks say nothing");
        assert!(content.extraction.starts_with("[source]") || content.extraction.starts_with("[columns]"));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_field() {
        for (from, to, said) in [
            ("kura-permit/1", "kura-permit/2", "schema"),
            ("subject =", "subjekt =", "subjekt"),
            ("\"usb-memory\"", "\"floppy\"", "permit.medium"),
            ("\"erase\"", "\"burn\"", "permit.after_use"),
            ("2027-01-31", "\"2027-02-30\"", "permit.after_use_due"),
            ("2026-12-02", "20261202", "permit.execution.from"),
            ("\"statistics\"", "\"personal\"", "permit.legal_class"),
            ("file = \"plan.pdf\"", "sha256 = \"00\"", "permit.attachments"),
            ("\"file\"", "\"fax\"", "permit.form"),
            ("medium = ", "medium_other = \"x\"\nmedium = ", "permit.medium_other"),
            ("[extract]", "[extrakt]", "extrakt"),
            ("form = ", "subject = \"twice\"\nform = ", "duplicate key"),
        ] {
            let bad = GOOD.replacen(from, to, 1);
            assert_ne!(bad, GOOD);
            let refused = parse_permit("p.toml", &bad).unwrap_err().to_string();
            assert!(refused.starts_with("p.toml:") && refused.contains(said), "{said}: {refused}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once_each_where_it_stands() {
        let mut bad = GOOD.to_owned();
        for (from, to) in [
            ("subject = \"糖尿病の受診動向\"", "subject = \"\""),
            ("purpose = \"学会発表\"\n", ""),
            ("\"usb-memory\"", "\"floppy\""),
            ("until = 2026-12-04", "until = 2027-12-04"),
            ("2027-01-31", "2026-12-01"),
            ("form = ", "colour = \"red\"\nform = "),
            ("\"statistics\"", "5"),
        ] {
            let next = bad.replacen(from, to, 1);
            assert_ne!(next, bad, "{from}");
            bad = next;
        }
        let refused = parse_permit("p.toml", &bad).unwrap_err();
        let said: Vec<String> = refused.problems.iter().map(ToString::to_string).collect();
        for field in
            ["subject", "purpose", "medium", "execution", "after_use_due", "colour", "legal_class", "extract"]
        {
            let named = |line: &&String| line.contains(&format!(": permit.{field}")) || field == "extract";
            assert_eq!(said.iter().filter(named).count().min(1), 1, "{field}: {said:?}");
        }
        assert!(said.iter().any(|line| line.contains(": extract: ")), "{said:?}");
        assert_eq!(said.len(), 8, "{said:?}");
        let line = bad.lines().position(|line| line.contains("floppy")).unwrap() + 1;
        assert!(
            said.iter().any(|text| text.starts_with(&format!("p.toml:{line}:10: permit.medium"))),
            "{said:?}"
        );
        // What stands on a day that cannot be read is not wrong too.
        let unread = GOOD.replacen("2026-12-01", "\"soon\"", 1);
        assert_eq!(
            parse_permit("p.toml", &unread).unwrap_err().problems.len(),
            1 + 1,
            "and the instructions"
        );
    }
}
