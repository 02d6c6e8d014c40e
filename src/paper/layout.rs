//! What stands where on which page. Lengths are points (1/72 inch); y grows downwards.

use parley::Alignment;

use super::qr::modules;
use super::typeface::{LEADING, Line, Setter};
use super::{Block, PAGES_MAX, Paper, PaperProblem};

/// A4.
pub(super) const WIDTH: f32 = 595.0;
/// A4.
pub(super) const HEIGHT: f32 = 842.0;

pub(super) const MARGIN: f32 = 48.0;
/// Between what stands on every page and the rest.
const BAND: f32 = 24.0;
const TITLE: f32 = 16.0;
const HEADING: f32 = 12.0;
const TEXT: f32 = 10.0;
const CELL: f32 = 9.0;
const SMALL: f32 = 8.0;
/// Between blocks.
const GAP: f32 = 8.0;
const PADDING: f32 = 4.0;
const RULE: f32 = 0.5;
/// The names of a form's fields have so much of the width.
const NAMES: f32 = 130.0;
/// The least that a column needs to be read.
const COLUMN_MIN: f32 = 40.0;
/// A QR code of 6.5 cm, which a telephone reads.
const QR: f32 = 184.0;

const INNER: f32 = WIDTH - 2.0 * MARGIN;
const TOP: f32 = MARGIN + BAND;
const BOTTOM: f32 = HEIGHT - MARGIN - BAND;
/// A row that is higher than this may begin on one page and end on another.
const TALL: f32 = (BOTTOM - TOP) / 3.0;

/// The grays of cells that are named.
const NAMED: u8 = 235;
const PLAIN: u8 = u8::MAX;

/// A piece of a page.
pub(super) enum Item {
    /// A line of text; `at` is its upper left corner.
    Text { at: (f32, f32), size: f32, line: Line },
    /// An area of one gray.
    Area { at: (f32, f32), size: (f32, f32), gray: u8 },
}

/// A row of a table: the lines of each cell, the grays behind them, and the size of their letters.
#[derive(Clone, Default)]
struct Row {
    cells: Vec<Vec<Line>>,
    /// What stands in the first cell where the row goes on on another page.
    again: Vec<Line>,
    grays: Vec<u8>,
    size: f32,
}

impl Row {
    fn lines(&self) -> usize {
        self.cells.iter().map(Vec::len).max().unwrap_or(1).max(1)
    }

    fn height(&self, lines: usize) -> f32 {
        length(lines) * self.size * LEADING + 2.0 * PADDING
    }
}

fn length(count: usize) -> f32 {
    f32::from(u16::try_from(count).unwrap_or(u16::MAX))
}

/// Pages while they are filled.
struct Pages {
    setter: Setter,
    done: Vec<Vec<Item>>,
    y: f32,
}

impl Pages {
    fn turn(&mut self) -> Result<(), PaperProblem> {
        if self.done.len() >= PAGES_MAX {
            return Err(PaperProblem::TooLong);
        }
        self.done.push(Vec::new());
        self.y = TOP;
        Ok(())
    }

    fn add(&mut self, item: Item) {
        if let Some(page) = self.done.last_mut() {
            page.push(item);
        }
    }

    /// A new page, if the rest of this one is lower than that.
    fn need(&mut self, height: f32) -> Result<(), PaperProblem> {
        if self.y + height > BOTTOM && self.y > TOP { self.turn() } else { Ok(()) }
    }

    /// A paragraph, which may go on on the next page.
    fn paragraph(&mut self, text: &str, size: f32, side: Alignment) -> Result<(), PaperProblem> {
        for line in self.setter.lines(text, (size, INNER), side) {
            self.need(size * LEADING)?;
            self.add(Item::Text { at: (MARGIN, self.y), size, line });
            self.y += size * LEADING;
        }
        Ok(())
    }

    fn row_of(&mut self, cells: &[(&str, u8)], widths: &[f32], size: f32) -> Row {
        let mut row = Row { size, ..Row::default() };
        for ((text, gray), width) in cells.iter().zip(widths) {
            row.cells.push(self.setter.lines(text, (size, width - 2.0 * PADDING), Alignment::Left));
            row.grays.push(*gray);
        }
        row
    }

    /// Some lines of a row in frames, at the place where the page is.
    fn draw(&mut self, row: &Row, widths: &[f32], (from, lines): (usize, usize)) {
        let (top, height) = (self.y, row.height(lines));
        let mut x = MARGIN;
        for ((cell, gray), width) in row.cells.iter().zip(&row.grays).zip(widths) {
            if *gray < PLAIN {
                self.add(Item::Area { at: (x, top), size: (*width, height), gray: *gray });
            }
            let is_again = from > 0 && x <= MARGIN && !row.again.is_empty();
            let (cell, from) = if is_again { (&row.again, 0) } else { (cell, from) };
            for (number, line) in cell.iter().skip(from).take(lines).enumerate() {
                let at = (x + PADDING, top + PADDING + length(number) * row.size * LEADING);
                self.add(Item::Text { at, size: row.size, line: line.clone() });
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

    /// A row, which goes on on the next page if it is tall; the heads stand above it there too.
    fn row(&mut self, row: &Row, widths: &[f32], heads: Option<&Row>) -> Result<(), PaperProblem> {
        let (all, mut from) = (row.lines(), 0);
        while from < all {
            let room = BOTTOM - self.y;
            let fitting = (1..=all - from).take_while(|lines| row.height(*lines) <= room).count();
            let is_new = self.y <= TOP;
            if from + fitting == all || is_new || (row.height(all) > TALL && fitting > 2) {
                // A page that is new and too low for one line does not exist: letters are small.
                let lines = fitting.max(1);
                self.draw(row, widths, (from, lines));
                from += lines;
            }
            if from < all {
                self.turn()?;
                if let Some(heads) = heads {
                    self.draw(heads, widths, (0, heads.lines()));
                }
            }
        }
        Ok(())
    }

    fn form(&mut self, rows: &[(String, String)]) -> Result<(), PaperProblem> {
        let widths = [NAMES, INNER - NAMES];
        for (name, text) in rows {
            let mut row = self.row_of(&[(name, NAMED), (text, PLAIN)], &widths, TEXT);
            let width = NAMES - 2.0 * PADDING;
            row.again = self.setter.lines(&format!("{name}（続き）"), (TEXT, width), Alignment::Left);
            self.row(&row, &widths, None)?;
        }
        Ok(())
    }

    fn table(&mut self, heads: &[String], rows: &[Vec<String>]) -> Result<(), PaperProblem> {
        let widths = widths(heads, rows)?;
        let cells: Vec<(&str, u8)> = heads.iter().map(|head| (head.as_str(), NAMED)).collect();
        let heads = self.row_of(&cells, &widths, CELL);
        // Heads do not stand alone at the end of a page.
        self.need(heads.height(heads.lines()) + CELL * LEADING + 2.0 * PADDING)?;
        self.draw(&heads, &widths, (0, heads.lines()));
        for row in rows {
            let cells: Vec<(&str, u8)> = row.iter().map(|cell| (cell.as_str(), PLAIN)).collect();
            let row = self.row_of(&cells, &widths, CELL);
            self.row(&row, &widths, Some(&heads))?;
        }
        Ok(())
    }

    fn framed(&mut self, text: &str, size: f32) -> Result<(), PaperProblem> {
        let row = self.row_of(&[(text, PLAIN)], &[INNER], size);
        self.row(&row, &[INNER], None)
    }

    fn qr(&mut self, text: &str) -> Result<(), PaperProblem> {
        let Some((side, dark)) = modules(text) else { return Ok(()) };
        self.need(QR)?;
        let module = QR / length(side);
        for (column, row) in dark {
            let at = (MARGIN + length(column) * module, self.y + length(row) * module);
            self.add(Item::Area { at, size: (module, module), gray: 0 });
        }
        self.y += QR;
        Ok(())
    }

    fn block(&mut self, block: &Block) -> Result<(), PaperProblem> {
        match block {
            Block::Title(text) => self.paragraph(text, TITLE, Alignment::Center)?,
            Block::Heading(text) => {
                // A heading stands with something below it.
                self.need(HEADING * LEADING + 4.0 * TEXT * LEADING)?;
                self.paragraph(text, HEADING, Alignment::Left)?;
                return Ok(());
            }
            Block::Text(text) => self.paragraph(text, TEXT, Alignment::Left)?,
            Block::Right(text) => self.paragraph(text, TEXT, Alignment::Right)?,
            Block::Warning(first, rest) => self.framed(&format!("{first}{rest}"), TEXT)?,
            Block::Form(rows) => self.form(rows)?,
            Block::Table { heads, rows } => self.table(heads, rows)?,
            Block::Steps(steps) => {
                for (number, step) in (1..).zip(steps) {
                    self.paragraph(&format!("{number}. {step}"), TEXT, Alignment::Left)?;
                }
            }
            Block::Verbatim(text) => self.framed(text, CELL)?,
            Block::Qr { text, .. } => self.qr(text)?,
        }
        self.y += GAP;
        Ok(())
    }

    /// What stands on every page.
    fn finish(mut self, paper: &Paper) -> Vec<Vec<Item>> {
        let count = self.done.len();
        let mut set = |text: &str, side| {
            self.setter.lines(text, (SMALL, INNER), side).into_iter().next().unwrap_or_default()
        };
        for (number, page) in self.done.iter_mut().enumerate() {
            let place = format!("{}/{count}ページ", number + 1);
            let (top, bottom) = (MARGIN, HEIGHT - MARGIN - SMALL * LEADING);
            for (text, y, side) in [
                (paper.head.as_str(), top, Alignment::Left),
                (paper.foot.as_str(), bottom, Alignment::Left),
                (place.as_str(), bottom, Alignment::Right),
            ] {
                page.push(Item::Text { at: (MARGIN, y), size: SMALL, line: set(text, side) });
            }
        }
        self.done
    }
}

/// How wide a text would be about, in sizes of the font. It only decides how columns share a page.
fn width_of(text: &str) -> f32 {
    let width = |line: &str| {
        length(line.chars().count()) - 0.32 * length(line.chars().filter(char::is_ascii).count())
    };
    text.split('\n').map(width).fold(0.0, f32::max)
}

/// The widths of the columns: what their texts need, made to fit the page.
fn widths(heads: &[String], rows: &[Vec<String>]) -> Result<Vec<f32>, PaperProblem> {
    let wish = |(place, head): (usize, &String)| {
        let cells = rows.iter().filter_map(|row| row.get(place));
        let widest = cells.map(|cell| width_of(cell)).fold(width_of(head), f32::max);
        (widest * CELL + 2.0 * PADDING + 1.0).clamp(COLUMN_MIN, INNER)
    };
    let wishes: Vec<f32> = heads.iter().enumerate().map(wish).collect();
    let sum: f32 = wishes.iter().sum();
    let least = COLUMN_MIN * length(heads.len());
    if least > INNER {
        return Err(PaperProblem::TooWide(heads.len()));
    }
    if sum <= INNER {
        // What is over is shared out evenly: a table is as wide as a form.
        let more = (INNER - sum) / length(heads.len()).max(1.0);
        return Ok(wishes.into_iter().map(|wish| wish + more).collect());
    }
    // What is over the least is shared out as it was wished for.
    let share = (INNER - least) / (sum - least).max(1.0);
    Ok(wishes.into_iter().map(|wish| COLUMN_MIN + (wish - COLUMN_MIN) * share).collect())
}

/// Every page of a paper.
pub(super) fn lay_out(paper: &Paper, setter: Setter) -> Result<Vec<Vec<Item>>, PaperProblem> {
    let mut pages = Pages { setter, done: Vec::new(), y: 0.0 };
    pages.turn()?;
    for block in &paper.blocks {
        pages.block(block)?;
    }
    Ok(pages.finish(paper))
}
