//! The leak scan: what was written is read again and searched for everything that names a person.
//!
//! The best list of what must not appear is the input itself: every value of the columns that name persons, whole and,
//! for names, surname and given name apart. Any hit means that nothing is delivered. What is found is counted by
//! column and kind; no value is kept.

use std::collections::{BTreeMap, BTreeSet};

use aho_corasick::{AhoCorasick, MatchKind};

use super::detect::{Kind, detect, detect_split};
use super::hierarchy::UNKNOWN;
use super::normal_form::{Seen, canonical, key, seen};
use super::table::{Column, Table};

/// Shorter texts are not looked for: they are in everything.
const TEXT_MIN: usize = 2;

/// Shorter numbers are not looked for, and longer ones only as whole numbers.
const DIGITS_MIN: usize = 5;

/// What is found in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// A value of a column that names persons, or a part of a name.
    Identifier,
    /// Something that looks like a number or an address of a person.
    Looks(Kind),
}

/// What a scan found: how many cells of which column, by what it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Cells that stop the release.
    pub hits: BTreeMap<(String, Finding), u64>,
    /// Cells that are only counted.
    pub warnings: BTreeMap<(String, Finding), u64>,
    /// Cells that were read.
    pub cells: u64,
    /// Texts and numbers of the input that were looked for.
    pub looked_for: u64,
    /// Values that are too short to look for.
    pub too_short: u64,
}

impl Scan {
    /// Whether nothing stops the release.
    pub fn is_clean(&self) -> bool {
        self.hits.is_empty()
    }
}

/// What must not appear: made from the columns that name persons.
pub struct Dictionary {
    texts: Option<AhoCorasick>,
    numbers: BTreeSet<String>,
    /// Cells that are no names although somebody is called so.
    words: BTreeSet<String>,
    looked_for: u64,
    too_short: u64,
}

/// The dictionary could not be built: it is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are too many identifiers to look for")]
pub struct TooManyIdentifiers;

impl Dictionary {
    /// Makes it from columns of the input that name persons.
    ///
    /// `words` are whole cells that the permit allows although a part of somebody's name is in them (`山口県`). A cell
    /// that is all of a value of these columns is never allowed.
    pub fn new(columns: &[&Column], words: &[String]) -> Result<Self, TooManyIdentifiers> {
        let mut texts = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        let mut too_short = 0;
        let values = columns.iter().flat_map(|column| column.values()).filter(|value| *value != UNKNOWN);
        for value in values {
            let digits = digits(value);
            if is_number(value) {
                if digits.len() >= DIGITS_MIN {
                    numbers.insert(digits);
                } else {
                    too_short += 1;
                }
                continue;
            }
            let parts = canonical(value);
            let whole = key(value);
            if whole.chars().count() < TEXT_MIN {
                too_short += 1;
                continue;
            }
            texts.insert(whole);
            texts.extend(
                parts.split(' ').map(key).filter(|part| part.chars().count() >= TEXT_MIN && !is_number(part)),
            );
        }
        let whole: BTreeSet<String> =
            columns.iter().flat_map(|column| column.values()).map(|value| key(value)).collect();
        let words = words.iter().map(|word| key(word)).filter(|word| !whole.contains(word)).collect();
        let looked_for = super::number::count(texts.len() + numbers.len());
        let built = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(&texts);
        let texts = if texts.is_empty() { None } else { Some(built.map_err(|_| TooManyIdentifiers)?) };
        Ok(Self { texts, numbers, words, looked_for, too_short })
    }

    /// Whether a cell holds one of them.
    pub fn is_in(&self, cell: &str) -> bool {
        let own = key(cell);
        if self.words.contains(&own) {
            return false;
        }
        self.texts.as_ref().is_some_and(|texts| texts.is_match(&own)) || self.has_number(cell)
    }

    fn has_number(&self, cell: &str) -> bool {
        if self.numbers.is_empty() {
            return false;
        }
        let mut run = String::new();
        for sign in seen(cell).into_iter().chain([Seen::Other(' ')]) {
            match sign {
                Seen::Digit(digit) => run.push(char::from(b'0' + digit)),
                Seen::Separator => {}
                Seen::Letter(_) | Seen::Other(_) => {
                    if self.numbers.contains(&run) {
                        return true;
                    }
                    run.clear();
                }
            }
        }
        false
    }
}

fn digits(value: &str) -> String {
    let seen = seen(value).into_iter();
    seen.filter_map(|sign| if let Seen::Digit(digit) = sign { Some(char::from(b'0' + digit)) } else { None })
        .collect()
}

fn is_number(value: &str) -> bool {
    seen(value).iter().all(|sign| matches!(sign, Seen::Digit(_) | Seen::Separator))
}

/// Reads a table that was written. `pseudonyms` names columns of random letters, which are not read: what they hold is
/// known, and letters by chance look like anything.
pub fn scan(table: &Table, dictionary: &Dictionary, pseudonyms: &BTreeSet<&str>) -> Scan {
    let mut made =
        Scan { looked_for: dictionary.looked_for, too_short: dictionary.too_short, ..Scan::default() };
    for column in table.columns.iter().filter(|column| !pseudonyms.contains(column.name.as_str())) {
        for (value, rows) in column.values().iter().zip(column.counts()) {
            made.cells += rows;
            let looks = detect(value).into_iter().map(Finding::Looks);
            for found in looks.chain(dictionary.is_in(value).then_some(Finding::Identifier)) {
                made.add(&column.name, found, rows);
            }
        }
        for found in detect(&column.name) {
            made.add(&column.name, Finding::Looks(found), 1);
        }
    }
    for pair in table.columns.windows(2) {
        let [left, right] = pair else { continue };
        let mut together: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for codes in left.codes().iter().copied().zip(right.codes().iter().copied()) {
            *together.entry(codes).or_insert(0) += 1;
        }
        for ((own, next), rows) in together {
            let text = |column: &Column, code| {
                column.values().get(super::number::at(code)).cloned().unwrap_or_default()
            };
            for kind in detect_split(&text(left, own), &text(right, next)) {
                made.add(&left.name, Finding::Looks(kind), rows);
            }
        }
    }
    made
}

impl Scan {
    fn add(&mut self, column: &str, found: Finding, cells: u64) {
        let stops = match found {
            Finding::Identifier => true,
            Finding::Looks(kind) => kind.stops(),
        };
        let place = if stops { &mut self.hits } else { &mut self.warnings };
        *place.entry((column.to_owned(), found)).or_insert(0) += cells;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dictionary(names: &[&str]) -> Dictionary {
        Dictionary::new(&[&Column::of("name", names.iter().copied())], &[]).expect("small")
    }

    fn table(name: &str, cells: &[&str]) -> Table {
        Table { columns: vec![Column::of(name, cells.iter().copied())] }
    }

    #[test]
    fn case_3_a_name_of_the_input_is_found_wherever_it_was_written() {
        let names = dictionary(&["山田　太郎", "ヤマダ タロウ", "髙﨑 花子", "00123456", "12"]);
        for cell in [
            "山田様より電話",
            "太郎",
            "ﾔﾏﾀﾞ様",
            "やまだたろう",
            "高崎さん",
            "ID 00123456",
            "００１２３４５６",
            "0012-3456",
        ] {
            assert!(names.is_in(cell), "{cell:?}");
        }
        for cell in ["糖尿病", "山", "1234567", "100123456", "田中", "12"] {
            assert!(!names.is_in(cell), "{cell:?}");
        }
        let found = scan(&table("memo", &["糖尿病", "山田様", "山田様"]), &names, &BTreeSet::new());
        assert_eq!(found.hits, BTreeMap::from([(("memo".to_owned(), Finding::Identifier), 2)]));
        assert_eq!((found.cells, found.too_short, found.is_clean()), (3, 1, false));
        assert!(!format!("{found:?}").contains('山'), "no value is kept");
    }

    #[test]
    fn case_3_words_that_the_permit_allows_are_no_names_but_a_whole_name_always_is_one() {
        let names = Column::of("name", ["山口 太郎", "愛知"]);
        let words = ["山口県".to_owned(), "愛知".to_owned()];
        let dictionary = Dictionary::new(&[&names], &words).expect("small");
        assert!(!dictionary.is_in("山口県") && !dictionary.is_in("山口県 "));
        assert!(dictionary.is_in("山口") && dictionary.is_in("山口県の太郎") && dictionary.is_in("愛知"));
    }

    #[test]
    fn case_4_a_number_over_two_columns_is_found() {
        let columns = vec![Column::of("a", ["123456", "1"]), Column::of("b", ["789018", "2"])];
        let found = scan(&Table { columns }, &dictionary(&[]), &BTreeSet::new());
        let place = ("a".to_owned(), Finding::Looks(Kind::IndividualNumber));
        assert_eq!(found.hits, BTreeMap::from([(place, 1)]));
    }

    #[test]
    fn random_letters_are_not_read() {
        let table = table("id", &["AB12345678CD"]);
        assert!(!scan(&table, &dictionary(&[]), &BTreeSet::new()).is_clean());
        assert!(scan(&table, &dictionary(&[]), &BTreeSet::from(["id"])).is_clean());
    }
}
