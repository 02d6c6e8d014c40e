//! One form for texts that people read as the same: full and half width, composed and decomposed, kana, variants.
//!
//! `canonical` is what is written; `key` is what is compared. Nothing here guesses the reading of a kanji.

use unicode_normalization::UnicodeNormalization;

/// Kanji that are written in names beside the common form of the same character.
const VARIANTS: &[(char, char)] = &[
    ('髙', '高'),
    ('﨑', '崎'),
    ('嵜', '崎'),
    ('碕', '崎'),
    ('邊', '辺'),
    ('邉', '辺'),
    ('齋', '斎'),
    ('齊', '斉'),
    ('濱', '浜'),
    ('濵', '浜'),
    ('澤', '沢'),
    ('廣', '広'),
    ('櫻', '桜'),
    ('國', '国'),
    ('圀', '国'),
    ('惠', '恵'),
    ('德', '徳'),
    ('眞', '真'),
    ('榮', '栄'),
    ('淵', '渕'),
    ('渊', '渕'),
    ('嶋', '島'),
    ('嶌', '島'),
    ('槇', '槙'),
    ('瀨', '瀬'),
    ('瀧', '滝'),
    ('龍', '竜'),
    ('關', '関'),
    ('曾', '曽'),
    ('會', '会'),
    ('藏', '蔵'),
    ('橫', '横'),
    ('條', '条'),
    ('壽', '寿'),
    ('實', '実'),
    ('禮', '礼'),
    ('峯', '峰'),
    ('埜', '野'),
    ('柗', '松'),
    ('枩', '松'),
    ('塚', '塚'),
    ('𠮷', '吉'),
    ('冨', '富'),
    ('舘', '館'),
    ('鐵', '鉄'),
    ('顯', '顕'),
    ('驒', '騨'),
    ('鷗', '鴎'),
    ('神', '神'),
    ('福', '福'),
    ('祥', '祥'),
    ('都', '都'),
    ('隆', '隆'),
    ('黑', '黒'),
    ('晧', '皓'),
    ('吞', '呑'),
];

/// Kanji that stand for one digit.
const KANJI_DIGITS: &[(char, char)] = &[
    ('〇', '0'),
    ('零', '0'),
    ('一', '1'),
    ('壱', '1'),
    ('二', '2'),
    ('弐', '2'),
    ('三', '3'),
    ('参', '3'),
    ('四', '4'),
    ('五', '5'),
    ('六', '6'),
    ('七', '7'),
    ('八', '8'),
    ('九', '9'),
];

/// Whether a character is a control character other than the white space among them: no text needs it, a terminal obeys it.
pub fn is_control(c: char) -> bool {
    c.is_control() && !c.is_whitespace()
}

/// Whether a character shows nothing: marks of order and variation, joiners, the byte-order mark, control characters.
pub fn is_invisible(c: char) -> bool {
    is_control(c)
        || matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether a character only separates the parts of a number: spaces, and everything that looks like a hyphen.
pub fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || is_invisible(c)
        || matches!(
            c,
            '-' | '.' | '/' | ',' | '_' | '(' | ')' | '（' | '）' | '・' | '･' | '\u{00B7}' | '\u{2010}'
                ..='\u{2015}'
                    | '\u{2043}'
                    | '\u{2212}'
                    | '\u{2500}'
                    | '\u{2501}'
                    | '\u{30FC}'
                    | '\u{FE58}'
                    | '\u{FE63}'
                    | '\u{FF0D}'
                    | '\u{FF70}'
                    | '~'
                    | '\u{301C}'
        )
}

/// The form that is written: composed, full-width letters and digits made narrow, half-width kana made wide, nothing
/// invisible, single spaces.
pub fn canonical(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !is_invisible(*c)).nfkc().collect();
    let mut made = String::with_capacity(plain.len());
    for word in plain.split_whitespace() {
        if !made.is_empty() {
            made.push(' ');
        }
        made.push_str(word);
    }
    made
}

/// The form that is compared: canonical, without spaces and case, hiragana as katakana, common forms of kanji.
pub fn key(text: &str) -> String {
    canonical(text)
        .chars()
        .filter(|c| !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .map(folded)
        .nfc()
        .collect()
}

fn folded(c: char) -> char {
    let kana = match c {
        'ぁ'..='ゖ' | 'ゝ' | 'ゞ' => char::from_u32(u32::from(c) + 0x60).unwrap_or(c),
        other => other,
    };
    VARIANTS.iter().find(|(variant, _)| *variant == kana).map_or(kana, |(_, common)| *common)
}

/// Whether a text stands for a value that is not known.
pub fn is_unknown(text: &str) -> bool {
    let plain = canonical(text);
    plain.is_empty()
        || plain == super::hierarchy::UNKNOWN
        || ["null", "nan", "n/a", "\\n", "-"].iter().any(|word| plain.eq_ignore_ascii_case(word))
}

/// A character of a text as a detector of numbers sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// A digit, in whatever script it was written.
    Digit(u8),
    /// Something that may stand between the digits of one number.
    Separator,
    /// A letter A–Z, made upper case.
    Letter(char),
    /// Anything else.
    Other(char),
}

/// A text as a detector of numbers sees it; what is invisible counts as a separator.
pub fn seen(text: &str) -> Vec<Seen> {
    let mut made = Vec::with_capacity(text.len());
    for c in text.chars() {
        if is_separator(c) {
            made.push(Seen::Separator);
            continue;
        }
        for plain in std::iter::once(c).nfkc() {
            let digit =
                KANJI_DIGITS.iter().find(|(kanji, _)| *kanji == plain).map_or(plain, |(_, digit)| *digit);
            made.push(match digit.to_digit(10).and_then(|digit| u8::try_from(digit).ok()) {
                Some(digit) => Seen::Digit(digit),
                None if is_separator(plain) => Seen::Separator,
                None if plain.is_ascii_alphabetic() => Seen::Letter(plain.to_ascii_uppercase()),
                None => Seen::Other(plain),
            });
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_5_one_text_in_many_forms_has_one_key() {
        let forms = [
            "ヤマダ　タロウ",
            "ﾔﾏﾀﾞ ﾀﾛｳ",
            "やまだ たろう",
            "やまた\u{3099}たろう",
            " ﾔﾏﾀ\u{FF9E}\u{200B}ﾀﾛｳ ",
            "ヤマダタロウ\u{FE00}",
        ];
        for form in forms {
            assert_eq!(key(form), "ヤマダタロウ", "{form:?}");
        }
        assert_eq!(key("髙﨑"), key("高崎"));
        assert_eq!(key("\u{9089}\u{E0101}見"), key("辺見"), "邉 with a variation selector");
        assert_ne!(key("ハハ"), key("パパ"));
        assert_ne!(key("バハ"), key("ババ"));
    }

    #[test]
    fn case_5_what_is_written_has_one_form() {
        assert_eq!(canonical("か\u{3099}ん"), canonical("がん"));
        assert_eq!(canonical(" Ａ１２\u{3000}\u{3000}ｶﾞﾝ\u{FEFF} "), "A12 ガン");
        assert_eq!(canonical(&canonical("ﾔﾏﾀﾞ\u{200D}太郎")), canonical("ﾔﾏﾀﾞ\u{200D}太郎"));
    }

    #[test]
    fn case_14_what_is_not_known_is_one_value() {
        for text in ["", " ", "\u{3000}", "NULL", "null", "不明", "NaN", "N/A", "\\N", "\u{FEFF}"] {
            assert!(is_unknown(text), "{text:?}");
        }
        for text in ["0", "無", "なし", "nullable"] {
            assert!(!is_unknown(text), "{text:?}");
        }
    }

    #[test]
    fn digits_are_seen_in_every_script() {
        let digits = |text: &str| -> String {
            let seen = seen(text).into_iter();
            seen.filter_map(|s| if let Seen::Digit(d) = s { Some(char::from(b'0' + d)) } else { None })
                .collect()
        };
        for text in ["123", "１２３", "一二三", "1\u{200B}2\u{2010}3", "①②③", "1ー2ｰ3", "壱弐参", "1−2－3"]
        {
            assert_eq!(digits(text), "123", "{text:?}");
        }
    }
}
