//! Problems of a plan file, with the place in the file where each one stands.

use std::fmt;
use std::ops::Range;

/// A place in a text file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as the caller named it.
    pub file: String,
    /// Where in the file; `None` if it is about the file as such (it cannot be read).
    pub position: Option<Position>,
    /// What is wrong; what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `file:line:column: message`, or `file: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(Position { line, column }) => write!(f, "{}:{line}:{column}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// A plan file (or a folder of them) that is not used, and why: at least one problem, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Everything that is wrong.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Refused {
    /// One problem a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl Refused {
    /// A refusal that is about a file as such.
    pub(super) fn whole_file(file: &str, message: String) -> Self {
        Self { problems: vec![Problem { file: file.to_owned(), position: None, message }] }
    }
}

/// Collects what is wrong in one file while it is read.
#[derive(Debug)]
pub(super) struct Diagnosis<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<(usize, String)>,
}

impl<'t> Diagnosis<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, found: Vec::new() }
    }

    /// Adds a problem that stands at a range of bytes of the text.
    pub(super) fn say(&mut self, span: &Range<usize>, message: impl Into<String>) {
        self.found.push((span.start, message.into()));
    }

    pub(super) fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// All problems in the order of the text; those of one place in the order they were found.
    pub(super) fn into_refused(mut self) -> Refused {
        self.found.sort_by_key(|(offset, _)| *offset);
        let text = self.text;
        let problems = self.found.into_iter().map(|(offset, message)| Problem {
            file: self.file.to_owned(),
            position: Some(position_of(text, offset)),
            message,
        });
        Refused { problems: problems.collect() }
    }
}

/// The line and column of a byte offset; past the end means the end.
fn position_of(text: &str, offset: usize) -> Position {
    let mut position = Position { line: 1, column: 1 };
    for (at, c) in text.char_indices() {
        if at >= offset {
            break;
        }
        if c == '\n' {
            position = Position { line: position.line + 1, column: 1 };
        } else {
            position.column += 1;
        }
    }
    position
}

/// `did you mean "name"?` for a word close to an allowed one, else the list of what is allowed.
pub(super) fn hint(word: &str, allowed: &[&str]) -> String {
    let near = allowed.iter().map(|candidate| (distance(word, candidate), *candidate)).min();
    match near {
        Some((steps, candidate)) if steps <= 2 && steps < candidate.chars().count() => {
            format!("did you mean {candidate:?}?")
        }
        Some(_) | None => format!("allowed: {}", list(allowed)),
    }
}

/// `"a", "b" or "c"`.
pub(super) fn list(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// How many characters must be added, removed or changed to turn one word into the other, ignoring case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, above), diagonal) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or(i + 1);
            let change = diagonal + usize::from(x != *y);
            next.push(change.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_lines_and_characters_from_one() {
        let text = "a = 1\n蔵 = \"x\"\nb";
        for (needle, line, column) in [("a", 1, 1), ("1", 1, 5), ("蔵", 2, 1), ("\"x", 2, 5), ("b", 3, 1)] {
            assert_eq!(position_of(text, text.find(needle).unwrap()), Position { line, column }, "{needle}");
        }
        assert_eq!(position_of(text, 999), Position { line: 3, column: 2 });
    }

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_a_strange_word_is_not() {
        let allowed = ["retention", "copies", "class"];
        assert_eq!(hint("retension", &allowed), "did you mean \"retention\"?");
        assert_eq!(hint("Class", &allowed), "did you mean \"class\"?");
        assert_eq!(hint("colour", &allowed), "allowed: \"retention\", \"copies\" or \"class\"");
    }

    #[test]
    fn the_distance_counts_single_changes() {
        for (a, b, steps) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("name", "name", 0)] {
            assert_eq!(distance(a, b), steps, "{a} {b}");
        }
    }
}
