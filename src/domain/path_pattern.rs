//! Patterns that find a date in a path, such as `%Y/%m/%d` or `*/%Y%m%d/*`.
//!
//! Paths are bytes. No file is opened here; which day a record counts from is decided in `sent_day`.
//!
//! Public here: `PathPattern`, `BadPattern`.

use crate::domain::time::Day;
use std::fmt;

/// Stars that share a component with other text are tried one position after another; this bounds the work.
const INNER_STARS_MAX: usize = 3;

/// The longest pattern, in bytes.
const LENGTH_MAX_BYTES: usize = 1024;

/// Where the date stands in the path of a record.
///
/// Components are separated by `/`. `%Y` is four digits, `%m` and `%d` are two; each stands exactly once.
/// `*` stands for any bytes, also none, within one component; `%%` is a percent sign; all else is literal.
/// The pattern starts at the first component below the source and covers as many components as it has; what lies
/// below them is free. So `%Y/%m/%d` finds the day in `2026/11/22/a/b.xml`, and not in `x/2026/11/22`.
/// Of several places where the pattern fits, the first (each star as short as possible, from the left) that
/// yields a day of the calendar counts; a date such as 2026-02-30 does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    tokens: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Byte(u8),
    Slash,
    Star,
    Year,
    Month,
    Day,
}

/// Why a text is not a path pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// `%Y`, `%m` or `%d` is missing or stands more than once.
    #[error("{0} must stand exactly once; a pattern needs %Y, %m and %d")]
    NotOnce(&'static str),
    /// A percent sign is followed by something else.
    #[error("%{0} is not known; use %Y, %m, %d, or %% for a percent sign")]
    UnknownCode(char),
    /// It ends in a single percent sign.
    #[error("it ends in a single percent sign; use %Y, %m, %d, or %% for a percent sign")]
    OpenPercent,
    /// Empty, absolute, or with an empty component, `.` or `..`.
    #[error("it must be relative to the source, without empty components, \".\" or \"..\"")]
    NotRelative,
    /// `**` was written.
    #[error("\"**\" is not known; write one \"*\" for each component")]
    DoubleStar,
    /// Too many stars beside other text.
    #[error("at most {INNER_STARS_MAX} \"*\" may share a component with other text")]
    TooManyStars,
    /// More than 1024 bytes.
    #[error("it is longer than {LENGTH_MAX_BYTES} bytes")]
    TooLong,
}

impl std::str::FromStr for PathPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        if text.len() > LENGTH_MAX_BYTES {
            return Err(BadPattern::TooLong);
        }
        if text.contains('\0') || text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(BadPattern::NotRelative);
        }
        if text.contains("**") {
            return Err(BadPattern::DoubleStar);
        }
        let inner_stars: usize =
            text.split('/').filter(|part| *part != "*").map(|part| part.matches('*').count()).sum();
        if inner_stars > INNER_STARS_MAX {
            return Err(BadPattern::TooManyStars);
        }
        let tokens = tokens_of(text)?;
        for (token, name) in [(Token::Year, "%Y"), (Token::Month, "%m"), (Token::Day, "%d")] {
            if tokens.iter().filter(|found| **found == token).count() != 1 {
                return Err(BadPattern::NotOnce(name));
            }
        }
        Ok(Self { text: text.to_owned(), tokens })
    }
}

fn tokens_of(text: &str) -> Result<Vec<Token>, BadPattern> {
    let mut tokens = Vec::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '/' => tokens.push(Token::Slash),
            '*' => tokens.push(Token::Star),
            '%' => tokens.push(match rest.next() {
                Some('Y') => Token::Year,
                Some('m') => Token::Month,
                Some('d') => Token::Day,
                Some('%') => Token::Byte(b'%'),
                Some(other) => return Err(BadPattern::UnknownCode(other)),
                None => return Err(BadPattern::OpenPercent),
            }),
            other => tokens.extend(other.encode_utf8(&mut [0; 4]).bytes().map(Token::Byte)),
        }
    }
    Ok(tokens)
}

impl fmt::Display for PathPattern {
    /// The pattern as it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The parts of the date found so far.
#[derive(Clone, Copy, Default)]
struct Found {
    year: i16,
    month: i8,
    day: i8,
}

impl PathPattern {
    /// The day in a path relative to the source root (bytes, no leading `/`), or `None`.
    pub fn find(&self, path: &[u8]) -> Option<Day> {
        fit(&self.tokens, path, Found::default())
    }
}

/// Fits the tokens to the beginning of the path, trying every length of every star.
fn fit(tokens: &[Token], path: &[u8], found: Found) -> Option<Day> {
    let Some((token, tokens)) = tokens.split_first() else {
        let at_component_end = path.first().is_none_or(|b| *b == b'/');
        return if at_component_end { Day::of(found.year, found.month, found.day) } else { None };
    };
    match token {
        Token::Byte(byte) => fit(tokens, path.strip_prefix(&[*byte])?, found),
        Token::Slash => fit(tokens, path.strip_prefix(b"/")?, found),
        Token::Year => {
            let (year, path) = digits(path, 4)?;
            fit(tokens, path, Found { year, ..found })
        }
        Token::Month => {
            let (month, path) = digits(path, 2)?;
            fit(tokens, path, Found { month: i8::try_from(month).ok()?, ..found })
        }
        Token::Day => {
            let (day, path) = digits(path, 2)?;
            fit(tokens, path, Found { day: i8::try_from(day).ok()?, ..found })
        }
        Token::Star => fit_star(tokens, path, found),
    }
}

/// Lets a star take 0, 1, 2 … bytes of the component. A star that ends its component has only one length.
fn fit_star(tokens: &[Token], path: &[u8], found: Found) -> Option<Day> {
    let component = path.iter().take_while(|b| **b != b'/').count();
    let shortest = if matches!(tokens.first(), None | Some(Token::Slash)) { component } else { 0 };
    (shortest..=component).find_map(|taken| fit(tokens, path.get(taken..)?, found))
}

/// A number of exactly `width` ASCII digits, and the rest of the path.
fn digits(path: &[u8], width: usize) -> Option<(i16, &[u8])> {
    let (head, rest) = path.split_at_checked(width)?;
    if !head.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(head).ok()?.parse().ok()?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find(pattern: &str, path: &[u8]) -> Option<String> {
        pattern.parse::<PathPattern>().unwrap().find(path).map(|day| day.to_string())
    }

    #[test]
    fn the_date_is_found_where_the_pattern_says() {
        for (pattern, path, day) in [
            ("%Y/%m/%d", "2026/11/22/a/b.xml", Some("2026-11-22")),
            ("%Y/%m/%d", "2026/11/22", Some("2026-11-22")),
            ("%Y/%m/%d", "x/2026/11/22/b.xml", None),
            ("%Y/%m/%d", "2026/11", None),
            ("%Y/%m/%d", "2026/11/22x/b.xml", None),
            ("%Y/%m/%d", "2026/1/2/b.xml", None),
            ("*/%Y%m%d/*", "ward/20261122/b.xml", Some("2026-11-22")),
            ("*/%Y%m%d/*", "ward/20261122", None),
            ("*/%Y%m%d/*", "a/b/20261122/c", None),
            ("*/*/*/%Y%m%d", "001/002/0010020003/20261122/ADT-00/m.dat", Some("2026-11-22")),
            ("*_%d.%m.%Y.*", "scan_22.11.2026.pdf", Some("2026-11-22")),
            ("*%Y%m%d*", "99920261122x", Some("2026-11-22")),
            ("100%%/%Y-%m-%d", "100%/2026-11-22", Some("2026-11-22")),
            ("記録/%Y/%m%d", "記録/2026/1122/a", Some("2026-11-22")),
        ] {
            assert_eq!(find(pattern, path.as_bytes()).as_deref(), day, "{pattern} on {path}");
        }
    }

    #[test]
    fn a_date_that_no_calendar_has_is_not_a_date() {
        for path in ["2026/02/29", "2026/13/01", "2026/00/10", "2026/11/31", "+026/11/22", "２０２６/11/22"]
        {
            assert_eq!(find("%Y/%m/%d", path.as_bytes()), None, "{path}");
        }
        assert_eq!(find("%Y/%m/%d", b"2024/02/29").as_deref(), Some("2024-02-29"));
    }

    #[test]
    fn paths_are_bytes() {
        assert_eq!(find("*/%Y%m%d", b"\xff\xfe/20261122/\xff").as_deref(), Some("2026-11-22"));
        assert_eq!(find("%Y%m%d", b"\xff\xfe"), None);
        assert_eq!(find("%Y%m%d", b""), None);
    }

    #[test]
    fn a_pattern_that_cannot_mean_one_day_is_refused() {
        for (pattern, why) in [
            ("%Y/%m", BadPattern::NotOnce("%d")),
            ("%Y/%Y/%m/%d", BadPattern::NotOnce("%Y")),
            ("", BadPattern::NotRelative),
            ("/%Y/%m/%d", BadPattern::NotRelative),
            ("%Y/%m/%d/", BadPattern::NotRelative),
            ("../%Y/%m/%d", BadPattern::NotRelative),
            ("**/%Y/%m/%d", BadPattern::DoubleStar),
            ("%Y/%m/%d/%H", BadPattern::UnknownCode('H')),
            ("%Y/%m/%d%", BadPattern::OpenPercent),
            ("a*b*c*d*/%Y%m%d", BadPattern::TooManyStars),
        ] {
            assert_eq!(pattern.parse::<PathPattern>(), Err(why), "{pattern}");
        }
        assert_eq!(format!("{}%Y%m%d", "x".repeat(1024)).parse::<PathPattern>(), Err(BadPattern::TooLong));
        assert!("*/*/*/*/*/%Y%m%d".parse::<PathPattern>().is_ok());
    }

    proptest! {
        #[test]
        fn any_path_is_answered(path in proptest::collection::vec(any::<u8>(), 0..300)) {
            for pattern in ["%Y/%m/%d", "*%Y*%m*%d", "*/%Y%m%d/*"] {
                drop(find(pattern, &path));
            }
        }

        #[test]
        fn every_day_written_in_a_path_is_found(
            (y, m, d) in (1970..2110_i16, 1..=12_i8, 1..=28_i8),
            before in "[^/0-9]{1,20}",
            after in "[a-z]{0,9}",
        ) {
            let day = Day::of(y, m, d).unwrap().to_string();
            let path = format!("{before}/{y:04}{m:02}{d:02}/{after}x");
            prop_assert_eq!(find("*/%Y%m%d/*", path.as_bytes()), Some(day.clone()));
            let path = format!("{before}-{y:04}/{m:02}.{d:02}");
            prop_assert_eq!(find("*-%Y/%m.%d", path.as_bytes()), Some(day));
        }
    }
}
