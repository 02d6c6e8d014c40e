//! The words of permits in files, forms and requests, and the way back from the text that an approval is bound to.

use crate::domain::permit_content::{
    ATTACHMENTS_MAX, AfterUse, Attachment, BadContent, EXECUTIONS_MAX, EXTRACTION_BYTES_MAX, Form,
    LINE_CHARACTERS_MAX, LegalClass, Medium, PermitContent, TEXT_CHARACTERS_MAX,
};
use crate::domain::time::Day;

/// The rest of a text, field after field.
struct Fields<'a>(&'a str);

impl<'a> Fields<'a> {
    /// The value of the next field, if that has this name.
    fn next(&mut self, name: &str) -> Option<&'a str> {
        let after = self.0.strip_prefix(name)?.strip_prefix(' ')?;
        let (length, after) = after.split_once(' ')?;
        let length: usize = length.parse().ok()?;
        let value = after.get(..length)?;
        self.0 = after.get(length..)?.strip_prefix('\n')?;
        Some(value)
    }
}

impl PermitContent {
    /// Reads what [`Self::digest_text`] wrote; `None` if it is anything else, to the last byte.
    pub fn of_digest_text(text: &str) -> Option<Self> {
        let mut fields = Fields(text.strip_prefix("kura permit 1\n")?);
        let day = |value: &str| value.parse::<Day>().ok();
        let days = |value: &str| {
            let (first, last) = value.split_once(' ')?;
            Some((day(first)?, day(last)?))
        };
        let mut content = Self {
            applied_on: day(fields.next("applied_on")?)?,
            applicant: fields.next("applicant")?.parse().ok()?,
            subject: fields.next("subject")?.to_owned(),
            purpose: fields.next("purpose")?.to_owned(),
            processing: fields.next("processing")?.to_owned(),
            medium: Medium::of_text(fields.next("medium")?)?,
            after_use: AfterUse::of_text(fields.next("after_use")?)?,
            after_use_due: day(fields.next("after_use_due")?)?,
            period: days(fields.next("period")?)?,
            execution: days(fields.next("execution")?)?,
            remarks: fields.next("remarks")?.to_owned(),
            attachments: Vec::new(),
            form: Form::File,
            legal_class: LegalClass::Statistics,
            executions_max: 0,
            extraction: String::new(),
        };
        while let Some(value) = fields.next("attachment") {
            let (digest, name) = value.split_once(' ')?;
            content.attachments.push(Attachment { name: name.to_owned(), sha256: digest_of_hex(digest)? });
        }
        content.form = Form::of_word(fields.next("form")?)?;
        let class = fields.next("legal_class")?;
        content.legal_class = LegalClass::ALL.into_iter().find(|known| known.japanese() == class)?;
        content.executions_max = fields.next("executions_max")?.parse().ok()?;
        fields.next("extraction")?.clone_into(&mut content.extraction);
        (content.digest_text() == text).then_some(content)
    }
}

/// A SHA-256 as people write it: 64 hexadecimal digits.
pub fn digest_of_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut digest = [0; 32];
    if digits.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| !pair.starts_with('+'))?;
    }
    Some(digest)
}

impl Medium {
    /// The words of files, forms and requests.
    pub const WORDS: [&'static str; 5] = ["cd-r", "dvd", "usb-memory", "hard-disk", "other"];

    /// The word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::CdR => "cd-r",
            Self::Dvd => "dvd",
            Self::UsbMemory => "usb-memory",
            Self::HardDisk => "hard-disk",
            Self::Other(_) => "other",
        }
    }

    /// The medium of a word, and for `other` of what it is.
    pub fn of_word(word: &str, other: &str) -> Option<Self> {
        let known = [Self::CdR, Self::Dvd, Self::UsbMemory, Self::HardDisk, Self::Other(other.to_owned())];
        known.into_iter().find(|known| known.word() == word)
    }

    /// その他, in words.
    pub fn other(&self) -> Option<&str> {
        if let Self::Other(words) = self { Some(words) } else { None }
    }

    fn of_text(text: &str) -> Option<Self> {
        if let Some(other) = text.strip_prefix("その他 ") {
            return Some(Self::Other(other.to_owned()));
        }
        let known = [Self::CdR, Self::Dvd, Self::UsbMemory, Self::HardDisk];
        known.into_iter().find(|known| known.japanese() == text)
    }
}

impl AfterUse {
    /// The words of files, forms and requests.
    pub const WORDS: [&'static str; 4] = ["keep", "return", "erase", "other"];

    /// The word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Kept => "keep",
            Self::Returned => "return",
            Self::Erased => "erase",
            Self::Other(_) => "other",
        }
    }

    /// The measure of a word, and for `other` of what it is.
    pub fn of_word(word: &str, other: &str) -> Option<Self> {
        let known = [Self::Kept, Self::Returned, Self::Erased, Self::Other(other.to_owned())];
        known.into_iter().find(|known| known.word() == word)
    }

    /// その他, in words.
    pub fn other(&self) -> Option<&str> {
        if let Self::Other(words) = self { Some(words) } else { None }
    }

    fn of_text(text: &str) -> Option<Self> {
        if let Some(other) = text.strip_prefix("その他 ") {
            return Some(Self::Other(other.to_owned()));
        }
        [Self::Kept, Self::Returned, Self::Erased].into_iter().find(|known| known.japanese() == text)
    }
}

impl Form {
    /// Both.
    pub const ALL: [Self; 2] = [Self::File, Self::Paper];

    /// The word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Paper => "paper",
        }
    }

    /// The word for people.
    pub const fn japanese(self) -> &'static str {
        match self {
            Self::File => "ファイル",
            Self::Paper => "紙",
        }
    }

    /// The form of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

impl LegalClass {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Statistics, Self::AnonymouslyProcessed, Self::PseudonymouslyProcessed];

    /// The word of files, forms and requests.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Statistics => "statistics",
            Self::AnonymouslyProcessed => "anonymously_processed",
            Self::PseudonymouslyProcessed => "pseudonymously_processed",
        }
    }

    /// The class of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }
}

/// The states, in the words of rows and of people.
pub const STATES: [(&str, &str); 8] = [
    ("applied", "申請中"),
    ("approved", "承認済み"),
    ("executing", "実施中"),
    ("delivered", "提供済み"),
    ("closed", "完了"),
    ("returned", "差戻し"),
    ("revoked", "取消し"),
    ("expired", "期限切れ"),
];

impl BadContent {
    /// The sentence for people.
    pub fn japanese(self) -> String {
        match self {
            Self::Subject => format!("件名を1行、{LINE_CHARACTERS_MAX}文字以内で入力してください。"),
            Self::Purpose => format!(
                "使用目的を{TEXT_CHARACTERS_MAX}文字以内で入力してください。見えない文字は使用できません。"
            ),
            Self::Processing => format!(
                "処理内容を{TEXT_CHARACTERS_MAX}文字以内で入力してください。見えない文字は使用できません。"
            ),
            Self::Remarks => {
                format!(
                    "備考は{TEXT_CHARACTERS_MAX}文字以内で入力してください。見えない文字は使用できません。"
                )
            }
            Self::Period => "使用期間の最後の日を、最初の日以後にしてください。".to_owned(),
            Self::Execution => "実施日は使用期間の中の日にしてください。".to_owned(),
            Self::AfterUse => "使用後の措置の期日は、使用期間の最後の日以後にしてください。".to_owned(),
            Self::MediumOther => {
                format!("保存媒体の「その他」の内容を1行、{LINE_CHARACTERS_MAX}文字以内で入力してください。")
            }
            Self::AfterUseOther => {
                format!(
                    "使用後の措置の「その他」の内容を1行、{LINE_CHARACTERS_MAX}文字以内で入力してください。"
                )
            }
            Self::Executions => format!("実施回数は1回から{EXECUTIONS_MAX}回までで入力してください。"),
            Self::Attachments => format!(
                "添付資料は{ATTACHMENTS_MAX}件までです。それぞれに、1行の異なる名前を付けてください。"
            ),
            Self::Extraction => {
                format!("抽出の条件を{}KiB以内で入力してください。", EXTRACTION_BYTES_MAX / 1024)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_medium() -> impl Strategy<Value = Medium> {
        (0..5_usize, ".{0,12}").prop_map(|(n, words)| Medium::of_word(Medium::WORDS[n], &words).unwrap())
    }

    fn any_after_use() -> impl Strategy<Value = AfterUse> {
        (0..4_usize, ".{0,12}").prop_map(|(n, words)| AfterUse::of_word(AfterUse::WORDS[n], &words).unwrap())
    }

    fn any_day() -> impl Strategy<Value = Day> {
        (2026..2100_i16, 1..=12_i8, 1..=28_i8).prop_map(|(y, m, d)| Day::of(y, m, d).unwrap())
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            texts in proptest::array::uniform5("(?s).{0,30}"),
            choices in (any_medium(), any_after_use(), 0..2_usize, 0..3_usize),
            days in proptest::array::uniform6(any_day()),
            attachments in proptest::collection::vec(("(?s).{0,20}", any::<[u8; 32]>()), 0..4),
            executions_max in any::<u32>(),
        ) {
            let [subject, purpose, processing, remarks, extraction] = texts;
            let content = PermitContent {
                applied_on: days[0],
                applicant: "applicant01".parse().unwrap(),
                subject, purpose, processing,
                medium: choices.0,
                after_use: choices.1,
                after_use_due: days[1],
                period: (days[2], days[3]),
                execution: (days[4], days[5]),
                remarks,
                attachments: attachments
                    .into_iter()
                    .map(|(name, sha256)| Attachment { name, sha256 })
                    .collect(),
                form: Form::ALL[choices.2],
                legal_class: LegalClass::ALL[choices.3],
                executions_max,
                extraction,
            };
            let text = content.digest_text();
            prop_assert_eq!(PermitContent::of_digest_text(&text), Some(content));
            prop_assert_eq!(PermitContent::of_digest_text(&format!("{text} ")), None);
            prop_assert_eq!(PermitContent::of_digest_text(&text.replacen("period ", "period 0", 1)), None);
        }
    }

    #[test]
    fn each_state_has_one_word_everywhere() {
        let applied = crate::domain::permit::PermitState::Applied;
        assert!(STATES.contains(&(applied.word(), applied.japanese())));
        let expired =
            crate::domain::permit::PermitState::Expired { at: crate::domain::time::Instant::from_micros(0) };
        assert!(STATES.contains(&(expired.word(), expired.japanese())));
    }

    #[test]
    fn a_digest_is_64_digits() {
        assert_eq!(digest_of_hex(&"0A".repeat(32)), Some([10; 32]));
        for bad in ["", "0a", &"+1".repeat(32), &"ｇ".repeat(64), &"0a".repeat(33)] {
            assert_eq!(digest_of_hex(bad), None, "{bad}");
        }
    }
}
