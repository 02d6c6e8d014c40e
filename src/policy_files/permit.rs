//! Applications for a permit (別紙2) as files: `kura permit apply FILE.toml`.
//!
//! What is extracted stands in the table `extract`, which is written again in one form: that text is approved.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::diagnose::{Diagnosis, Refused};
use crate::domain::account::AccountId;
use crate::domain::permit::{AfterUse, Attachment, Form, LegalClass, Medium, PermitContent};
use crate::domain::permit_text::digest_of_hex;
use crate::domain::time::{Day, half_width};

/// The first line of a file says what it is.
const SCHEMA: &str = "kura-permit/1";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    permit: Fields,
    extract: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    subject: String,
    purpose: String,
    processing: String,
    medium: String,
    #[serde(default)]
    medium_other: String,
    after_use: String,
    #[serde(default)]
    after_use_other: String,
    after_use_due: toml::Value,
    period: Span,
    execution: Span,
    #[serde(default)]
    remarks: String,
    #[serde(default)]
    attachments: Vec<Attached>,
    form: String,
    legal_class: String,
    #[serde(default = "once")]
    executions_max: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Span {
    from: toml::Value,
    until: toml::Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attached {
    name: String,
    sha256: Option<String>,
    file: Option<PathBuf>,
}

const fn once() -> u32 {
    1
}

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
/// The first thing that is wrong, with the name of the field.
pub fn parse_permit(file_name: &str, text: &str) -> Result<Application, Refused> {
    let file: File = match toml::from_str(text) {
        Ok(file) => file,
        Err(error) => {
            let mut diagnosis = Diagnosis::new(file_name, text);
            diagnosis.say(&error.span().unwrap_or(0..0), error.message());
            return Err(diagnosis.into_refused());
        }
    };
    read(file).map_err(|message| Refused::whole_file(file_name, message))
}

fn read(file: File) -> Result<Application, String> {
    if file.schema != SCHEMA {
        return Err(format!("schema is {:?}; this program reads {SCHEMA:?}", file.schema));
    }
    let fields = file.permit;
    let other = |field: &str, word: &str, words: &[&str]| {
        format!("permit.{field} is {word:?}; allowed: {}", super::diagnose::list(words))
    };
    let medium = Medium::of_word(&fields.medium, &fields.medium_other);
    let after_use = AfterUse::of_word(&fields.after_use, &fields.after_use_other);
    let classes = LegalClass::ALL.map(LegalClass::word);
    if fields.medium != "other" && !fields.medium_other.is_empty() {
        return Err("permit.medium_other is said only where permit.medium is \"other\"".to_owned());
    }
    if fields.after_use != "other" && !fields.after_use_other.is_empty() {
        return Err("permit.after_use_other is said only where permit.after_use is \"other\"".to_owned());
    }
    let mut attachments = Vec::new();
    for attached in fields.attachments {
        let how = match (attached.sha256, attached.file) {
            (Some(hex), None) => Attaching::Digest(digest_of_hex(&hex).ok_or_else(|| {
                format!("permit.attachments: {hex:?} is no SHA-256 of 64 hexadecimal digits")
            })?),
            (None, Some(path)) => Attaching::File(path),
            _ => return Err("permit.attachments: each has a name, and either sha256 or file".to_owned()),
        };
        attachments.push((attached.name, how));
    }
    let after_use_due = day("after_use_due", &fields.after_use_due)?;
    let content = PermitContent {
        applied_on: after_use_due,
        // Whoever applies says so himself.
        applicant: "applicant0".parse().map_err(|_| "no id".to_owned())?,
        subject: fields.subject,
        purpose: fields.purpose,
        processing: fields.processing,
        medium: medium.ok_or_else(|| other("medium", &fields.medium, &Medium::WORDS))?,
        after_use: after_use.ok_or_else(|| other("after_use", &fields.after_use, &AfterUse::WORDS))?,
        after_use_due,
        period: (day("period.from", &fields.period.from)?, day("period.until", &fields.period.until)?),
        execution: (
            day("execution.from", &fields.execution.from)?,
            day("execution.until", &fields.execution.until)?,
        ),
        remarks: fields.remarks,
        attachments: Vec::new(),
        form: Form::of_word(&fields.form)
            .ok_or_else(|| other("form", &fields.form, &Form::ALL.map(Form::word)))?,
        legal_class: LegalClass::of_word(&fields.legal_class)
            .ok_or_else(|| other("legal_class", &fields.legal_class, &classes))?,
        executions_max: fields.executions_max,
        extraction: toml::to_string(&file.extract).map_err(|e| format!("extract: {e}"))?,
    };
    Ok(Application { content, attachments })
}

/// A date of TOML, or the same as text, full-width digits too.
fn day(field: &str, value: &toml::Value) -> Result<Day, String> {
    let text = match value {
        toml::Value::Datetime(date) => date.to_string(),
        toml::Value::String(text) => half_width(text.trim()),
        other => other.to_string(),
    };
    text.parse().map_err(|error| format!("permit.{field}: {error}"))
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
}
