//! What a permit (別紙2) asks for, field by field, and the one text of it that an approval is bound to.

use crate::domain::account::AccountId;
use crate::domain::time::Day;
use crate::domain::window_terms::is_one_line;

/// The longest line of a permit, characters.
pub const LINE_CHARACTERS_MAX: usize = 200;

/// The longest purpose, processing and remarks, characters.
pub const TEXT_CHARACTERS_MAX: usize = 2_000;

/// The longest canonical text of what is extracted, bytes.
pub const EXTRACTION_BYTES_MAX: usize = 32 * 1024;

/// More extracts than this are another application.
pub const EXECUTIONS_MAX: u32 = 100;

/// The most attachments.
pub const ATTACHMENTS_MAX: usize = 50;

/// 保存媒体: on what the extract is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Medium {
    /// CD-R.
    CdR,
    /// DVD.
    Dvd,
    /// USBメモリ.
    UsbMemory,
    /// ハードディスク.
    HardDisk,
    /// その他, in words.
    Other(String),
}

impl Medium {
    /// The word of the form.
    pub fn japanese(&self) -> &str {
        match self {
            Self::CdR => "CD-R",
            Self::Dvd => "DVD",
            Self::UsbMemory => "USBメモリ",
            Self::HardDisk => "ハードディスク",
            Self::Other(words) => words,
        }
    }
}

/// 使用後の措置: what becomes of the extract after its use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AfterUse {
    /// 自動保管, in the words of the policy.
    Kept,
    /// 返却.
    Returned,
    /// 消去.
    Erased,
    /// その他, in words.
    Other(String),
}

impl AfterUse {
    /// The word of the form.
    pub fn japanese(&self) -> &str {
        match self {
            Self::Kept => "自動保管",
            Self::Returned => "返却",
            Self::Erased => "消去",
            Self::Other(words) => words,
        }
    }
}

/// In what form the extract is handed over (第14条③).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A sealed file.
    File,
    /// Pages.
    Paper,
}

/// What the law calls the result; a person says so, no program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LegalClass {
    /// 統計情報.
    Statistics,
    /// 匿名加工情報.
    AnonymouslyProcessed,
    /// 仮名加工情報: nobody outside may have it.
    PseudonymouslyProcessed,
}

impl LegalClass {
    /// The word of the law.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::Statistics => "統計情報",
            Self::AnonymouslyProcessed => "匿名加工情報",
            Self::PseudonymouslyProcessed => "仮名加工情報",
        }
    }
}

/// 添付資料: a document, by name and SHA-256.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// What it is called.
    pub name: String,
    /// SHA-256 of its content.
    pub sha256: [u8; 32],
}

/// The fields of 別紙2 in its order, and what Kura needs to carry them out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PermitContent {
    /// 申請日.
    pub applied_on: Day,
    /// 申請者: the account that applies, to which alone the extract goes.
    pub applicant: AccountId,
    /// 件名.
    pub subject: String,
    /// 使用目的.
    pub purpose: String,
    /// 処理内容, in words.
    pub processing: String,
    /// 保存媒体.
    pub medium: Medium,
    /// 使用後の措置.
    pub after_use: AfterUse,
    /// By when that is confirmed.
    pub after_use_due: Day,
    /// 使用期間: first and last day, both included.
    pub period: (Day, Day),
    /// 実施日: first and last day on which the extract may be made.
    pub execution: (Day, Day),
    /// 備考.
    pub remarks: String,
    /// 添付資料.
    pub attachments: Vec<Attachment>,
    /// File or paper.
    pub form: Form,
    /// What the law calls the result.
    pub legal_class: LegalClass,
    /// How often the extract may be made.
    pub executions_max: u32,
    /// The canonical text of what is extracted and how: source, columns, rules.
    pub extraction: String,
}

/// Why a content is no application.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadContent {
    /// The subject is empty, too long or not one line.
    #[error("subject: 件名 must be one line of at most {LINE_CHARACTERS_MAX} characters")]
    Subject,
    /// The purpose is empty, too long or not all to be seen.
    #[error(
        "purpose: 使用目的 must be written, with at most {TEXT_CHARACTERS_MAX} characters that can be seen"
    )]
    Purpose,
    /// The processing is empty, too long or not all to be seen.
    #[error(
        "processing: 処理内容 must be written, with at most {TEXT_CHARACTERS_MAX} characters that can be seen"
    )]
    Processing,
    /// The remarks are too long or not all to be seen.
    #[error("remarks: 備考 may have at most {TEXT_CHARACTERS_MAX} characters that can be seen")]
    Remarks,
    /// The period ends before it begins.
    #[error("period: 使用期間 ends before it begins")]
    Period,
    /// A day of execution lies outside of the period.
    #[error("execution: 実施日 must lie inside 使用期間")]
    Execution,
    /// The after-use measure is due before the period ends.
    #[error("after_use_due: 使用後の措置 can be due at the earliest on the last day of 使用期間")]
    AfterUse,
    /// その他 without words.
    #[error("medium_other: 保存媒体 その他 needs words in one line")]
    MediumOther,
    /// その他 without words.
    #[error("after_use_other: 使用後の措置 その他 needs words in one line")]
    AfterUseOther,
    /// No execution is asked for, or too many.
    #[error("executions_max: from 1 to {EXECUTIONS_MAX} executions can be asked for")]
    Executions,
    /// Two attachments have one name, one has none, or there are too many.
    #[error(
        "attachments: 添付資料: at most {ATTACHMENTS_MAX}, each with a name of one line that no other has"
    )]
    Attachments,
    /// Nothing says what is extracted, or it is too long.
    #[error("extraction: what is extracted must be written, in at most {EXTRACTION_BYTES_MAX} bytes")]
    Extraction,
}

impl BadContent {
    /// The field that is wrong, as files, forms and requests call it.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Purpose => "purpose",
            Self::Processing => "processing",
            Self::Remarks => "remarks",
            Self::Period => "period",
            Self::Execution => "execution",
            Self::AfterUse => "after_use_due",
            Self::MediumOther => "medium_other",
            Self::AfterUseOther => "after_use_other",
            Self::Executions => "executions_max",
            Self::Attachments => "attachments",
            Self::Extraction => "extraction",
        }
    }
}

/// Whether every line of a text is seen as it stands, and there are not too many characters.
fn is_plain(text: &str) -> bool {
    let mut lines = text.split('\n');
    let is_seen = |line: &str| {
        line.trim().is_empty() && !line.contains(char::is_control) || is_one_line(line, TEXT_CHARACTERS_MAX)
    };
    text.chars().count() <= TEXT_CHARACTERS_MAX && lines.all(is_seen)
}

impl PermitContent {
    /// What is wrong with it as an application.
    pub fn problems(&self) -> Vec<BadContent> {
        let mut found = Vec::new();
        let mut check = |is_good: bool, problem: BadContent| {
            if !is_good {
                found.push(problem);
            }
        };
        let is_text = |text: &str| !text.trim().is_empty() && is_plain(text);
        check(is_one_line(&self.subject, LINE_CHARACTERS_MAX), BadContent::Subject);
        check(is_text(&self.purpose), BadContent::Purpose);
        check(is_text(&self.processing), BadContent::Processing);
        check(is_plain(&self.remarks), BadContent::Remarks);
        check(self.period.0 <= self.period.1, BadContent::Period);
        let inside = self.period.0 <= self.execution.0
            && self.execution.0 <= self.execution.1
            && self.execution.1 <= self.period.1;
        check(inside, BadContent::Execution);
        check(self.after_use_due >= self.period.1, BadContent::AfterUse);
        let other = |words: &str| is_one_line(words, LINE_CHARACTERS_MAX);
        let medium = !matches!(&self.medium, Medium::Other(words) if !other(words));
        let after = !matches!(&self.after_use, AfterUse::Other(words) if !other(words));
        check(medium, BadContent::MediumOther);
        check(after, BadContent::AfterUseOther);
        check((1..=EXECUTIONS_MAX).contains(&self.executions_max), BadContent::Executions);
        let names: std::collections::BTreeSet<&str> =
            self.attachments.iter().map(|attachment| attachment.name.as_str()).collect();
        let named = names.len() == self.attachments.len()
            && names.len() <= ATTACHMENTS_MAX
            && names.iter().all(|name| is_one_line(name, LINE_CHARACTERS_MAX));
        check(named, BadContent::Attachments);
        let extraction = &self.extraction;
        let is_written = !extraction.trim().is_empty() && extraction.len() <= EXTRACTION_BYTES_MAX;
        check(is_written, BadContent::Extraction);
        found
    }

    /// Everything in a fixed order and a fixed form (version 1): what an approval is bound to, by its digest.
    ///
    /// Each field is a line with its name, the length of its value in bytes and the value, so that no value can look
    /// like another field. The form never changes for a version.
    pub fn digest_text(&self) -> String {
        let mut text = String::from("kura permit 1\n");
        let mut field = |name: &str, value: &str| {
            text.extend([name, " ", &value.len().to_string(), " ", value, "\n"]);
        };
        field("applied_on", &self.applied_on.to_string());
        field("applicant", self.applicant.as_str());
        field("subject", &self.subject);
        field("purpose", &self.purpose);
        field("processing", &self.processing);
        field("medium", &choice(matches!(self.medium, Medium::Other(_)), self.medium.japanese()));
        field("after_use", &choice(matches!(self.after_use, AfterUse::Other(_)), self.after_use.japanese()));
        field("after_use_due", &self.after_use_due.to_string());
        field("period", &format!("{} {}", self.period.0, self.period.1));
        field("execution", &format!("{} {}", self.execution.0, self.execution.1));
        field("remarks", &self.remarks);
        for attachment in &self.attachments {
            let mut hex = String::with_capacity(64);
            for byte in attachment.sha256 {
                hex.push_str(&format!("{byte:02x}"));
            }
            field("attachment", &format!("{hex} {}", attachment.name));
        }
        field("form", if self.form == Form::File { "file" } else { "paper" });
        field("legal_class", self.legal_class.japanese());
        field("executions_max", &self.executions_max.to_string());
        field("extraction", &self.extraction);
        text
    }
}

/// A word of the form, or other words that may be the same ones.
fn choice(is_other: bool, words: &str) -> String {
    if is_other { format!("その他 {words}") } else { words.to_owned() }
}
