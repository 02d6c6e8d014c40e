//! Finds the paths that Rust code names, by reading it as text: knows comments, strings and `use` groups.
//!
//! Not a parser: it sees neither macros' results nor renamed imports. Those are left to the lints.

use std::collections::BTreeSet;

/// The text with comments, strings and character literals replaced by spaces; every line break stays.
pub(super) fn blank_out(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let length = skipped_length(&chars, at);
        if length == 0 {
            // A whole word at a time, so that the `r` of `for"` is not taken for a raw string.
            let word = chars.iter().skip(at).take_while(|c| is_word(**c)).count().max(1);
            out.extend(chars.iter().skip(at).take(word));
            at += word;
        } else {
            out.extend(chars.iter().skip(at).take(length).map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at += length;
        }
    }
    out
}

/// How many characters from `at` on are a comment or a literal; 0 if none begins here.
fn skipped_length(chars: &[char], at: usize) -> usize {
    let rest: Vec<char> = chars.iter().skip(at).take(4).copied().collect();
    match rest.as_slice() {
        ['/', '/', ..] => chars.iter().skip(at).take_while(|c| **c != '\n').count(),
        ['/', '*', ..] => block_comment_length(chars, at),
        ['"', ..] | ['\'', '\\', ..] => quoted_length(chars, at, 1),
        ['b' | 'c', '"', ..] => quoted_length(chars, at, 2),
        ['r', '"' | '#', ..] => raw_string_length(chars, at, 1),
        ['b' | 'c', 'r', '"' | '#', ..] => raw_string_length(chars, at, 2),
        ['\'', _, '\'', ..] => 3,
        _ => 0,
    }
}

fn block_comment_length(chars: &[char], at: usize) -> usize {
    let (mut depth, mut length) = (0_usize, 0_usize);
    loop {
        match (chars.get(at + length), chars.get(at + length + 1)) {
            (Some('/'), Some('*')) => (depth, length) = (depth + 1, length + 2),
            (Some('*'), Some('/')) => (depth, length) = (depth - 1, length + 2),
            (Some(_), _) => length += 1,
            (None, _) => return length,
        }
        if depth == 0 {
            return length;
        }
    }
}

/// A string or character literal whose body begins `opening` characters after `at`; a backslash hides the next one.
fn quoted_length(chars: &[char], at: usize, opening: usize) -> usize {
    let quote = chars.get(at + opening - 1).copied();
    let mut length = opening;
    while let Some(c) = chars.get(at + length).copied() {
        length += if c == '\\' { 2 } else { 1 };
        if Some(c) == quote {
            break;
        }
    }
    length
}

/// `r"…"`, `r#"…"#`, …; `prefix` letters come first. 0 for a raw name such as `r#type`.
fn raw_string_length(chars: &[char], at: usize, prefix: usize) -> usize {
    let hashes = chars.iter().skip(at + prefix).take_while(|c| **c == '#').count();
    let mut length = prefix + hashes + 1;
    if chars.get(at + length - 1) != Some(&'"') {
        return 0;
    }
    while at + length < chars.len() {
        let closes = chars.get(at + length) == Some(&'"')
            && chars.iter().skip(at + length + 1).take(hashes).filter(|c| **c == '#').count() == hashes;
        length += 1;
        if closes {
            return length + hashes;
        }
    }
    length
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A word, `::`, or one mark.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) line: usize,
    pub(super) text: String,
}

impl Token {
    fn is_name(&self) -> bool {
        self.text.chars().next().is_some_and(is_word)
    }
}

/// The tokens of code whose comments and strings are blanked out.
pub(super) fn tokens(code: &str) -> Vec<Token> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut chars = line.chars().peekable();
        while let Some(first) = chars.next() {
            if first.is_whitespace() {
                continue;
            }
            let mut text = String::from(first);
            if is_word(first) {
                while let Some(next) = chars.next_if(|c| is_word(*c)) {
                    text.push(next);
                }
            } else if first == ':' {
                text.extend(chars.next_if_eq(&':'));
            }
            found.push(Token { line: number + 1, text });
        }
    }
    found
}

/// A path named in code, from its first word: `crate::vault::Vault`, `tokio::sync::mpsc`.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) line: usize,
    pub(super) parts: Vec<String>,
}

impl Named {
    pub(super) fn text(&self) -> String {
        self.parts.join("::")
    }

    pub(super) fn starts_with(&self, prefix: &str) -> bool {
        is_prefix(prefix, &self.parts)
    }

    /// The path from the crate's root, if it points into one of our `modules`. `is_top`: `super` is the crate's root.
    pub(super) fn inside_crate(&self, is_top: bool, modules: &BTreeSet<String>) -> Option<Vec<String>> {
        let (first, rest) = self.parts.split_first()?;
        let is_root = match first.as_str() {
            "crate" | "kura" => true,
            "super" => is_top,
            _ => false,
        };
        // Items at the root itself (macros, the crate's own `mod` lines) are nobody's layer.
        (is_root && rest.first().is_some_and(|module| modules.contains(module))).then(|| rest.to_vec())
    }
}

pub(super) fn is_prefix(prefix: &str, parts: &[String]) -> bool {
    let mut parts = parts.iter();
    prefix.split("::").all(|word| parts.next().is_some_and(|part| part == word))
}

/// Every path of the code; a `use` group gives one path for each of its leaves.
pub(super) fn paths(code: &str) -> Vec<Named> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let is_use = at > 0 && tokens.get(at - 1).is_some_and(|before| before.text == "use");
        let is_path = token.is_name() && tokens.get(at + 1).is_some_and(|next| next.text == "::");
        if is_path || (is_use && token.is_name()) {
            at = path_tree(&tokens, at, &[], &mut found);
        } else {
            at += 1;
        }
    }
    found
}

/// Reads one path or group that begins at `at`; gives where it ends.
fn path_tree(tokens: &[Token], mut at: usize, before: &[String], found: &mut Vec<Named>) -> usize {
    let mut parts = before.to_vec();
    let line = tokens.get(at).map_or(0, |token| token.line);
    while let Some(token) = tokens.get(at) {
        if token.text == "{" && !before_is_block(tokens, at) {
            return path_group(tokens, at + 1, &parts, found);
        }
        if !token.is_name() && token.text != "*" {
            break;
        }
        if token.text != "self" || parts.is_empty() {
            parts.push(token.text.clone());
        }
        at += 1;
        if tokens.get(at).is_none_or(|next| next.text != "::") {
            break;
        }
        at += 1;
    }
    found.push(Named { line, parts });
    at
}

/// Reads the leaves of `{a, b::{c, d}}` after the opening brace; gives where the group ends.
fn path_group(tokens: &[Token], mut at: usize, before: &[String], found: &mut Vec<Named>) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "}" => return at + 1,
            "," | "::" => at += 1,
            "as" => at += 2,
            _ => at = path_tree(tokens, at, before, found).max(at + 1),
        }
    }
    at
}

/// A brace that opens a block rather than a group: it does not follow `::`, `{`, `,` or `use`.
fn before_is_block(tokens: &[Token], at: usize) -> bool {
    at.checked_sub(1)
        .and_then(|before| tokens.get(before))
        .is_none_or(|before| !matches!(before.text.as_str(), "::" | "{" | "," | "use"))
}
