//! Characters that the font has no picture of, written so that everybody sees it: 〓 and the number of the character, with a
//! note at the end that names them all.
//!
//! This is for papers of records: what somebody wrote into one stays as it is, and must not keep it from being printed for
//! good. What is data is never written so: without [`Paper::with_substitutes`] such a paper is refused.

use super::typeface::{Pictures, is_selector};
use super::{Block, Paper, Typeface, code_points, pdf};

/// 〓 (ゲタ), which printers of Japanese put where they lack a character.
const STAND_IN: char = '〓';

impl Paper {
    /// The paper with a substitute for every character that the font lacks; the same, if it lacks none.
    #[must_use]
    pub fn with_substitutes(mut self, typeface: &Typeface) -> Self {
        let missing = typeface.lacks(pdf::texts(&self));
        let Some(pictures) = typeface.pictures().filter(|_| !missing.is_empty()) else { return self };
        for text in [&mut self.head, &mut self.foot] {
            *text = substituted(text, &pictures);
        }
        for block in &mut self.blocks {
            for text in texts_of(block) {
                *text = substituted(text, &pictures);
            }
        }
        self.text(&format!(
            "この書面の書体にない文字を、「{}」とUnicodeの文字番号で表しました：{}。元の文字は、Kura の画面で確認できます。",
            stand_in(&pictures),
            code_points(&missing)
        ));
        self
    }
}

/// A font that lacks this one too gives the number alone.
fn stand_in(pictures: &Pictures<'_>) -> &'static str {
    if pictures.has(STAND_IN) { "〓" } else { "" }
}

fn substituted(text: &str, pictures: &Pictures<'_>) -> String {
    let mut made = String::with_capacity(text.len());
    let mut is_open = false;
    for (c, has) in pictures.of(text) {
        // What selects a variant belongs to the character before it: one substitute stands for both.
        let goes_on = is_open && !has && is_selector(c);
        if is_open && !goes_on {
            made.push(']');
        }
        is_open = !has;
        if has {
            made.push(c);
            continue;
        }
        if goes_on {
            made.push(' ');
        } else {
            made.push_str(if is_selector(c) { "" } else { stand_in(pictures) });
            made.push('[');
        }
        made.push_str(&code_points(&[c]));
    }
    if is_open {
        made.push(']');
    }
    made
}

/// Every text of a block that is written on the page.
fn texts_of(block: &mut Block) -> Vec<&mut String> {
    match block {
        Block::Title(text)
        | Block::Heading(text)
        | Block::Text(text)
        | Block::Right(text)
        | Block::Verbatim(text) => vec![text],
        Block::Warning(first, rest) => vec![first, rest],
        Block::Form(rows) => rows.iter_mut().flat_map(|(name, text)| [name, text]).collect(),
        Block::Table { heads, rows } => heads.iter_mut().chain(rows.iter_mut().flatten()).collect(),
        Block::Steps(steps) => steps.iter_mut().collect(),
        Block::Qr { .. } => Vec::new(),
    }
}
