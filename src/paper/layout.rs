//! What stands where on which page. Lengths are points (1/72 inch); y grows downwards.

use super::{PAGES_MAX, Paper, PaperProblem};

/// A4.
pub(super) const WIDTH: f32 = 595.0;
/// A4.
pub(super) const HEIGHT: f32 = 842.0;

const MARGIN: f32 = 48.0;
/// Between what stands on every page and the rest.
const BAND: f32 = 24.0;
const TEXT: f32 = 10.0;
const CELL: f32 = 9.0;
const SMALL: f32 = 8.0;
const LEADING: f32 = 1.5;
const PADDING: f32 = 4.0;
const RULE: f32 = 0.5;
/// The names of a form's fields have so much of the width.
const NAMES: f32 = 130.0;
/// The least that a column needs to be read.
const COLUMN_MIN: f32 = 40.0;

/// What does not begin a line (行頭禁則).
const NEVER_FIRST: &str = "、。，．・：；？！）」』】〕〉》ー々,.:;?!)]}%％";

/// How wide a text is at most, in sizes of the font: nobody knows which one the reader has.
fn width_of(text: &str) -> f32 {
    text.chars().map(advance).sum()
}

fn advance(c: char) -> f32 {
    match c {
        'W' | 'M' | 'm' | '@' | '%' => 0.95,
        // Half-width: Latin, and kana of that width.
        '\u{20}'..='\u{7e}' | '\u{ff61}'..='\u{ffdc}' => 0.66,
        _ => 1.0,
    }
}

/// Cuts a text into lines that are at most so wide. What must not begin a line in Japanese hangs at the end of one.
fn cut_to(text: &str, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let (mut line, mut used) = (String::new(), 0.0);
        for c in paragraph.chars() {
            let own = advance(c);
            if used + own > width && !line.is_empty() && !NEVER_FIRST.contains(c) {
                lines.push(std::mem::take(&mut line));
                used = 0.0;
            }
            line.push(c);
            used += own;
        }
        lines.push(line);
    }
    lines
}

/// A piece of a page.
pub(super) enum Item {
    /// A line of text; `at` is where its base line begins.
    Text { at: (f32, f32), size: f32, text: String },
    /// An area of one gray.
    Area { at: (f32, f32), size: (f32, f32), gray: u8 },
}

/// Pages while they are filled.
struct Pages<'p> {
    paper: &'p Paper,
    done: Vec<Vec<Item>>,
    y: f32,
}

const INNER: f32 = WIDTH - 2.0 * MARGIN;
const BOTTOM: f32 = HEIGHT - MARGIN - BAND;

impl Pages<'_> {
    fn turn(&mut self) -> Result<(), PaperProblem> {
        if self.done.len() >= PAGES_MAX {
            return Err(PaperProblem::TooLong);
        }
        self.done.push(Vec::new());
        self.y = MARGIN + BAND;
        Ok(())
    }

    fn add(&mut self, item: Item) {
        if let Some(page) = self.done.last_mut() {
            page.push(item);
        }
    }

    /// A new page, if the rest of this one is lower than that.
    fn need(&mut self, height: f32) -> Result<bool, PaperProblem> {
        if height > BOTTOM - MARGIN - BAND {
            return Err(PaperProblem::Tall);
        }
        let turns = self.y + height > BOTTOM;
        if turns {
            self.turn()?;
        }
        Ok(turns)
    }

    fn text(&mut self, (x, size): (f32, f32), text: &str) -> Result<(), PaperProblem> {
        for line in cut_to(text, (INNER - x) / size) {
            self.need(size * LEADING)?;
            let at = (MARGIN + x, self.y + size);
            self.add(Item::Text { at, size, text: line });
            self.y += size * LEADING;
        }
        Ok(())
    }

    /// How high a row is with its cells cut into lines.
    fn cut(&self, cells: &[&str], widths: &[f32], size: f32) -> (Vec<Vec<String>>, f32) {
        let cut = |(text, width): (&&str, &f32)| cut_to(text, (width - 2.0 * PADDING) / size);
        let cells: Vec<Vec<String>> = cells.iter().zip(widths).map(cut).collect();
        let most = cells.iter().map(Vec::len).max().unwrap_or(1).max(1);
        let lines = f32::from(u16::try_from(most).unwrap_or(u16::MAX));
        (cells, lines * size * LEADING + 2.0 * PADDING)
    }

    /// A row of cells in frames, at the place where the page is.
    fn row(&mut self, cells: Vec<Vec<String>>, (widths, height): (&[f32], f32), (size, gray): (f32, &[u8])) {
        let mut x = MARGIN;
        let top = self.y;
        for (place, (lines, width)) in cells.into_iter().zip(widths).enumerate() {
            if let Some(gray) = gray.get(place).copied().filter(|gray| *gray < u8::MAX) {
                self.add(Item::Area { at: (x, top), size: (*width, height), gray });
            }
            let mut y = top + PADDING;
            for text in lines {
                self.add(Item::Text { at: (x + PADDING, y + size), size, text });
                y += size * LEADING;
            }
            self.add(Item::Area { at: (x, top), size: (RULE, height), gray: 0 });
            x += *width;
        }
        self.add(Item::Area { at: (x, top), size: (RULE, height), gray: 0 });
        for y in [top, top + height] {
            self.add(Item::Area { at: (MARGIN, y), size: (x - MARGIN + RULE, RULE), gray: 0 });
        }
        self.y += height;
    }

    fn form(&mut self) -> Result<(), PaperProblem> {
        let widths = [NAMES, INNER - NAMES];
        for (name, text) in &self.paper.fields {
            let (cells, height) = self.cut(&[name, text], &widths, TEXT);
            self.need(height)?;
            self.row(cells, (&widths, height), (TEXT, &[235, u8::MAX]));
        }
        Ok(())
    }

    /// The widths of the columns: what their texts need, made to fit the page.
    fn widths(&self) -> Result<Vec<f32>, PaperProblem> {
        let heads = &self.paper.heads;
        let wish = |(place, head): (usize, &String)| {
            let cells = self.paper.rows.iter().filter_map(|row| row.get(place));
            let widest = cells.map(|cell| width_of(cell)).fold(width_of(head), f32::max);
            (widest * CELL + 2.0 * PADDING + 1.0).clamp(COLUMN_MIN, INNER)
        };
        let wishes: Vec<f32> = heads.iter().enumerate().map(wish).collect();
        let sum: f32 = wishes.iter().sum();
        if sum <= INNER {
            return Ok(wishes);
        }
        let least = COLUMN_MIN * f32::from(u16::try_from(heads.len()).unwrap_or(u16::MAX));
        if least > INNER {
            return Err(PaperProblem::TooWide(heads.len()));
        }
        // What is over the least is shared out as it was wished for.
        let share = (INNER - least) / (sum - least).max(1.0);
        Ok(wishes.into_iter().map(|wish| COLUMN_MIN + (wish - COLUMN_MIN) * share).collect())
    }

    fn table(&mut self) -> Result<(), PaperProblem> {
        let widths = self.widths()?;
        let heads: Vec<&str> = self.paper.heads.iter().map(String::as_str).collect();
        let shades = vec![225; heads.len()];
        let mut is_begun = false;
        for row in &self.paper.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            let (cells, height) = self.cut(&cells, &widths, CELL);
            let (names, names_height) = self.cut(&heads, &widths, CELL);
            let above = if is_begun { 0.0 } else { names_height };
            if self.need(height + above)? || !is_begun {
                self.row(names, (&widths, names_height), (CELL, &shades));
                is_begun = true;
            }
            self.row(cells, (&widths, height), (CELL, &[]));
        }
        Ok(())
    }

    /// What stands on every page.
    fn finish(mut self) -> Vec<Vec<Item>> {
        let count = self.done.len();
        for (number, page) in self.done.iter_mut().enumerate() {
            let mut line = |at: (f32, f32), text: String| page.push(Item::Text { at, size: SMALL, text });
            line((MARGIN, MARGIN), self.paper.head.clone());
            line((MARGIN, HEIGHT - MARGIN), self.paper.foot.clone());
            let text = format!("{}/{count}ページ", number + 1);
            let width = width_of(&text) * SMALL;
            line((WIDTH - MARGIN - width, HEIGHT - MARGIN), text);
        }
        self.done
    }
}

/// Every page of a paper.
pub(super) fn lay_out(paper: &Paper) -> Result<Vec<Vec<Item>>, PaperProblem> {
    let mut pages = Pages { paper, done: Vec::new(), y: 0.0 };
    pages.turn()?;
    let size = 16.0;
    let width = width_of(&paper.title) * size;
    pages.text((((INNER - width) / 2.0).max(0.0), size), &paper.title)?;
    pages.y += TEXT;
    pages.form()?;
    pages.y += TEXT;
    for note in &paper.notes {
        pages.text((0.0, TEXT), note)?;
    }
    pages.y += TEXT;
    pages.table()?;
    Ok(pages.finish())
}
