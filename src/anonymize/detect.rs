//! Numbers and addresses that name a person, found in any text: 個人番号, insurers, phones, e-mail, passports.
//!
//! Works on texts as `normal_form::seen` reads them, so that full-width digits, kanji digits, hyphens of every kind and
//! invisible marks hide nothing. A finding never says the text, only what it looks like.

use super::normal_form::{Seen, canonical, seen};

/// What a text looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Twelve digits with the check digit of a 個人番号, or beside a word that says so.
    IndividualNumber,
    /// A 保険者番号 or the number of an insured person, beside a word that says so.
    InsuredNumber,
    /// A passport: two letters, seven digits.
    Passport,
    /// A residence card: two letters, eight digits, two letters.
    ResidenceCard,
    /// A telephone number.
    Phone,
    /// An address of e-mail.
    Email,
    /// A postal code of seven digits.
    PostalCode,
    /// Twelve digits that are no 個人番号: a driving licence, or an order.
    TwelveDigits,
    /// Eight digits with the check digit of an insurer, without a word that says so.
    EightDigits,
}

impl Kind {
    /// Whether it stops a release. The others are counted as warnings: too much else looks the same.
    pub fn stops(self) -> bool {
        !matches!(self, Self::TwelveDigits | Self::EightDigits)
    }

    /// What it is called in a report.
    pub fn name_ja(self) -> &'static str {
        match self {
            Self::IndividualNumber => "個人番号",
            Self::InsuredNumber => "保険者番号・被保険者番号",
            Self::Passport => "旅券番号",
            Self::ResidenceCard => "在留カード番号",
            Self::Phone => "電話番号",
            Self::Email => "メールアドレス",
            Self::PostalCode => "郵便番号",
            Self::TwelveDigits => "12桁の数字",
            Self::EightDigits => "8桁の数字",
        }
    }
}

/// Everything that a cell looks like, each once.
pub fn detect(cell: &str) -> Vec<Kind> {
    let plain = canonical(cell);
    let signs = seen(cell);
    let mut found: Vec<Kind> = numbers(&signs).iter().flat_map(|number| number.kinds(&plain)).collect();
    if has_email(&plain) {
        found.push(Kind::Email);
    }
    if plain.contains('〒') && numbers(&signs).iter().any(|number| number.digits.len() == 7) {
        found.push(Kind::PostalCode);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// What two neighbouring cells are together: a number that was split over two columns.
pub fn detect_split(left: &str, right: &str) -> Vec<Kind> {
    let digits = |cell: &str| -> Option<Vec<u8>> {
        let signs = seen(cell);
        let all = signs.iter().all(|sign| matches!(sign, Seen::Digit(_) | Seen::Separator));
        let digits = signs.iter().filter_map(|sign| if let Seen::Digit(d) = sign { Some(*d) } else { None });
        all.then(|| digits.collect())
    };
    let (Some(mut left), Some(right)) = (digits(left), digits(right)) else { return Vec::new() };
    let is_split = left.len() >= 3 && right.len() >= 3;
    left.extend(right);
    if is_split && is_individual_number(&left) { vec![Kind::IndividualNumber] } else { Vec::new() }
}

/// Digits with nothing but separators between them, and what stands around them.
struct Number {
    digits: Vec<u8>,
    /// How many digits stand together before each separator.
    groups: Vec<usize>,
    /// Letters right before and right after.
    before: Vec<char>,
    after: Vec<char>,
}

fn numbers(signs: &[Seen]) -> Vec<Number> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < signs.len() {
        let start = at;
        let (mut digits, mut groups, mut group, mut end) = (Vec::new(), Vec::new(), 0, at);
        while let Some(sign) = signs.get(at) {
            match sign {
                Seen::Digit(digit) => {
                    digits.push(*digit);
                    group += 1;
                    end = at + 1;
                }
                Seen::Separator if !digits.is_empty() => {
                    if group > 0 {
                        groups.push(std::mem::take(&mut group));
                    }
                }
                _ => break,
            }
            at += 1;
        }
        if digits.is_empty() {
            at += 1;
            continue;
        }
        if group > 0 {
            groups.push(group);
        }
        let letter = |sign: &Seen| if let Seen::Letter(letter) = sign { Some(*letter) } else { None };
        let mut before: Vec<char> = signs.iter().take(start).rev().map_while(letter).collect();
        before.reverse();
        let after = signs.iter().skip(end).map_while(letter).collect();
        found.push(Number { digits, groups, before, after });
    }
    found
}

/// Words that say that a number beside them is a 個人番号.
const INDIVIDUAL_WORDS: [&str; 4] = ["個人番号", "マイナンバー", "ﾏｲﾅﾝﾊﾞｰ", "my number"];

/// Words that say that a number beside them belongs to an insured person.
const INSURED_WORDS: [&str; 4] = ["保険者", "被保険", "保険証", "記号"];

impl Number {
    fn kinds(&self, around: &str) -> Vec<Kind> {
        let lower = around.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        let digits = self.digits.as_slice();
        let mut found = Vec::new();
        if digits.len() >= 12 && says(&INDIVIDUAL_WORDS) || self.has_individual_number() {
            found.push(Kind::IndividualNumber);
        } else if digits.len() == 12 {
            found.push(Kind::TwelveDigits);
        }
        if says(&INSURED_WORDS) && (4..=12).contains(&digits.len()) {
            found.push(Kind::InsuredNumber);
        } else if digits.len() == 8 && is_insurer_number(digits) && !looks_like_a_day(digits) {
            found.push(Kind::EightDigits);
        }
        match (self.before.len(), digits.len(), self.after.len()) {
            (2, 7, 0) => found.push(Kind::Passport),
            (2, 8, 2) => found.push(Kind::ResidenceCard),
            _ => {}
        }
        if self.is_phone() {
            found.push(Kind::Phone);
        }
        if self.groups == [3, 4] && self.before.is_empty() && self.after.is_empty() {
            found.push(Kind::PostalCode);
        }
        found
    }

    /// Twelve digits by themselves, or as whole groups inside a longer number.
    fn has_individual_number(&self) -> bool {
        if is_individual_number(&self.digits) {
            return true;
        }
        let mut starts = vec![0];
        for group in &self.groups {
            starts.push(starts.last().copied().unwrap_or(0) + group);
        }
        let whole = |start: &usize| {
            let end = start + 12;
            starts.contains(&end) && self.digits.get(*start..end).is_some_and(is_individual_number)
        };
        starts.iter().any(whole)
    }

    /// A mobile number, or one of ten or eleven digits that is written in parts.
    fn is_phone(&self) -> bool {
        let digits = match self.digits.as_slice() {
            [8, 1, rest @ ..] if rest.len() >= 9 && rest.first() != Some(&0) => [&[0], rest].concat(),
            own => own.to_vec(),
        };
        let is_mobile = digits.len() == 11 && matches!(digits.as_slice(), [0, 5 | 7 | 8 | 9, 0, ..]);
        let is_in_parts = self.groups.len() == 3 && digits.first() == Some(&0) && digits.get(1) != Some(&0);
        is_mobile || (is_in_parts && (10..=11).contains(&digits.len()))
    }
}

/// Whether these are twelve digits with the check digit of 総務省令第85号（平成26年）第5条.
pub fn is_individual_number(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 11] = [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2];
    let [own @ .., check] = digits else { return false };
    if own.len() != 11 || own.iter().all(|digit| *digit == 0) {
        return false;
    }
    let sum: u32 = own.iter().zip(WEIGHTS).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    let expected = match sum % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    expected == u32::from(*check)
}

/// Whether these are eight digits with the check digit of an insurer: weights 2 and 1 from the right, sums of digits.
pub fn is_insurer_number(digits: &[u8]) -> bool {
    let [own @ .., check] = digits else { return false };
    let weighted = own.iter().rev().enumerate().map(|(place, digit)| {
        let product = u32::from(*digit) * if place % 2 == 0 { 2 } else { 1 };
        product / 10 + product % 10
    });
    let sum: u32 = weighted.sum();
    own.len() == 7 && sum > 0 && (10 - sum % 10) % 10 == u32::from(*check)
}

/// `20240401` and the like: a day is no insurer.
fn looks_like_a_day(digits: &[u8]) -> bool {
    let text: String = digits.iter().map(|digit| char::from(b'0' + digit)).collect();
    super::era::parse_day(&text).is_some()
}

fn has_email(plain: &str) -> bool {
    let is_local = |c: char| c.is_ascii_alphanumeric() || "._%+-".contains(c);
    let is_domain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
    plain.char_indices().filter(|(_, c)| *c == '@').any(|(place, sign)| {
        let before = plain.get(..place).unwrap_or_default().trim_end();
        let after = plain.get(place + sign.len_utf8()..).unwrap_or_default().trim_start();
        let domain: String = after.chars().take_while(|c| is_domain(*c)).collect();
        let has_ending = domain.trim_end_matches('.').rsplit_once('.').is_some_and(|(name, ending)| {
            !name.is_empty() && ending.len() >= 2 && ending.chars().all(|c| c.is_ascii_alphabetic())
        });
        before.chars().next_back().is_some_and(is_local) && has_ending
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_check_digit_is_that_of_the_ordinance() {
        let digits = |text: &str| -> Vec<u8> { text.bytes().map(|byte| byte - b'0').collect() };
        assert!(is_individual_number(&digits("123456789018")));
        assert!(!is_individual_number(&digits("123456789012")));
        assert!(!is_individual_number(&digits("000000000000")));
        assert!(!is_individual_number(&digits("12345678901")));
        assert!(is_insurer_number(&digits("01130012")));
        assert!(!is_insurer_number(&digits("01130013")));
    }

    #[test]
    fn case_4_an_individual_number_is_found_in_every_form() {
        for text in [
            "123456789018",
            "１２３４５６７８９０１８",
            "1234 5678 9018",
            "1234-5678-9018",
            "1234‐5678‑9018",
            "1234–5678—9018",
            "1234−5678－9018",
            "1234ー5678ｰ9018",
            "一二三四五六七八九〇一八",
            "1\u{200B}2\u{200D}3\u{FEFF}456789018",
            "番号は123456789018です",
            "1234\u{3000}5678\u{3000}9018",
            "１２３４・５６７８・９０１８",
            "ID:123456789018;",
            "①②③④⑤⑥⑦⑧⑨〇①⑧",
            "2024-123456789018",
        ] {
            assert!(detect(text).contains(&Kind::IndividualNumber), "{text:?}");
        }
        assert_eq!(detect_split("123456", "789018"), [Kind::IndividualNumber]);
        assert_eq!(detect_split("１２３４", "5678-9018"), [Kind::IndividualNumber]);
        assert!(detect_split("123456", "789012").is_empty());
        assert_eq!(
            detect("マイナンバー 123456789012"),
            [Kind::IndividualNumber],
            "a wrong check digit beside the word"
        );
        assert_eq!(detect("123456789012"), [Kind::TwelveDigits]);
        assert!(!Kind::TwelveDigits.stops() && Kind::IndividualNumber.stops());
    }

    #[test]
    fn other_numbers_of_persons_are_found() {
        for (text, kind) in [
            ("090-1234-5678", Kind::Phone),
            ("０９０１２３４５６７８", Kind::Phone),
            ("052(951)1234", Kind::Phone),
            ("052-951-1234", Kind::Phone),
            ("+81 90 1234 5678", Kind::Phone),
            ("0120-000-000", Kind::Phone),
            ("taro.yamada@example.jp", Kind::Email),
            ("ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ", Kind::Email),
            ("連絡先:a@b.co.jp。", Kind::Email),
            ("460-0001", Kind::PostalCode),
            ("〒4600001", Kind::PostalCode),
            ("４６０－０００１", Kind::PostalCode),
            ("TK1234567", Kind::Passport),
            ("AB12345678CD", Kind::ResidenceCard),
            ("保険者番号 01130012", Kind::InsuredNumber),
            ("被保険者証 記号12 番号3456", Kind::InsuredNumber),
            ("01130012", Kind::EightDigits),
        ] {
            assert!(detect(text).contains(&kind), "{text:?}: {:?}", detect(text));
        }
    }

    #[test]
    fn case_24_ordinary_values_are_left_alone() {
        for text in [
            "",
            "34",
            "30-34",
            "2024-04-01",
            "20240401",
            "E11.9",
            "名古屋市中区",
            "3.14",
            "1000000",
            "90以上",
            "460",
            "男",
            "A",
            "-5",
            "2024年4月1日",
            "10:30",
            "その他",
            "2020年代",
            "12345678",
            "a@b",
            "@",
            "1/2",
            "R6.4.1",
            "0.266110819",
        ] {
            assert!(detect(text).iter().all(|kind| !kind.stops()), "{text:?}: {:?}", detect(text));
        }
    }

    proptest! {
        /// One wrong digit is always noticed, but for the two remainders that share a check digit.
        #[test]
        fn every_individual_number_is_found_however_it_is_split(own in prop::collection::vec(0_u8..10, 11), cut in 3_usize..9) {
            prop_assume!(own.iter().any(|digit| *digit > 0));
            let check = (0..10).find(|check| is_individual_number(&[own.as_slice(), &[*check]].concat()));
            let Some(check) = check else { return Ok(()) };
            let text: String = own.iter().chain([&check]).map(|digit| char::from(b'0' + digit)).collect();
            prop_assert!(detect(&text).contains(&Kind::IndividualNumber));
            prop_assert_eq!(detect_split(text.get(..cut).unwrap_or(""), text.get(cut..).unwrap_or("")), [Kind::IndividualNumber]);
        }
    }
}
