//! Pages to print: what stands on them, as an HTML document for a screen and a browser's printer, and as a PDF to file.
//!
//! A [`Paper`] is a list of blocks; it says nothing of fonts and places. Both forms are written from the same blocks, so
//! that they say the same. A PDF is PDF/A-2u (ISO 19005-2), with its font inside; the same paper gives the same bytes.
//!
//! Public here: `Paper`, `Block`, `Typeface`, `PaperProblem`, `qr`.

use maud::Markup;

use crate::domain::time::Instant;

/// As an HTML document.
mod html;

/// What stands where on which page.
mod layout;

/// As a PDF.
mod pdf;

/// QR codes.
pub mod qr;

/// What stands for characters that the font lacks.
mod substitute;

/// The font of PDFs, and lines of text set in it.
mod typeface;

pub use html::style_source;
pub use typeface::Typeface;

/// More pages than this nobody prints.
pub const PAGES_MAX: usize = 300;

/// What is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    /// The title of the document, as a window or a list of files shows it.
    title: String,
    /// When it was made, where that is known.
    made_at: Option<Instant>,
    /// What stands at the top of every page of a PDF; may be empty.
    head: String,
    /// What stands at the bottom of every page of a PDF, beside its number.
    foot: String,
    blocks: Vec<Block>,
}

/// A piece of a paper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// The heading of the whole, in the middle.
    Title(String),
    /// The heading of a part.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// Lines that end at the right margin: dates, senders.
    Right(String),
    /// A paragraph in a frame: its first words, which stand out, and the rest.
    Warning(String, String),
    /// Names and what is said under each; a text may have several lines.
    Form(Vec<(String, String)>),
    /// A table under its heads.
    Table {
        /// The heads of its columns.
        heads: Vec<String>,
        /// Its rows; each has as many cells as there are heads.
        rows: Vec<Vec<String>>,
    },
    /// What to do, one after the other; numbered.
    Steps(Vec<String>),
    /// A text as it is, line by line.
    Verbatim(String),
    /// A QR code.
    Qr {
        /// What it holds.
        text: String,
        /// What it is, for those who do not see it.
        label: String,
    },
}

/// Why there is no PDF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaperProblem {
    /// Too many pages.
    #[error("it would be more than {PAGES_MAX} pages: let it be a file, or fewer rows")]
    TooLong,
    /// More columns than fit beside each other.
    #[error(
        "a page has no room for {0} columns beside each other: let it be a file, or release fewer columns"
    )]
    TooWide(usize),
    /// Characters that the font does not have.
    #[error(
        "the font has no picture of {}: name a font in kura.toml that has them (font), such as that of fonts-noto-cjk",
        code_points(.0)
    )]
    NoGlyph(Vec<char>),
    /// What the writer of PDFs refuses.
    #[error("the PDF does not keep PDF/A-2u: {0}")]
    Refused(String),
}

fn code_points(missing: &[char]) -> String {
    let points: Vec<String> = missing.iter().map(|c| format!("U+{:04X}", u32::from(*c))).collect();
    points.join(", ")
}

impl Paper {
    /// A paper with nothing on it.
    pub fn new(title: &str, made_at: impl Into<Option<Instant>>) -> Self {
        Self {
            title: title.to_owned(),
            made_at: made_at.into(),
            head: String::new(),
            foot: title.to_owned(),
            blocks: Vec::new(),
        }
    }

    /// Says what stands at the top and at the bottom of every page of a PDF. Without it: nothing, and the title.
    pub fn bands(&mut self, head: &str, foot: &str) {
        (self.head, self.foot) = (head.to_owned(), foot.to_owned());
    }

    /// Adds the heading of the whole.
    pub fn title(&mut self, text: &str) {
        self.blocks.push(Block::Title(text.to_owned()));
    }

    /// Adds the heading of a part.
    pub fn heading(&mut self, text: &str) {
        self.blocks.push(Block::Heading(text.to_owned()));
    }

    /// Adds a paragraph.
    pub fn text(&mut self, text: &str) {
        self.blocks.push(Block::Text(text.to_owned()));
    }

    /// Adds lines that end at the right margin.
    pub fn right(&mut self, text: &str) {
        self.blocks.push(Block::Right(text.to_owned()));
    }

    /// Adds a paragraph in a frame.
    pub fn warning(&mut self, first: &str, rest: &str) {
        self.blocks.push(Block::Warning(first.to_owned(), rest.to_owned()));
    }

    /// Adds names and texts without a heading.
    pub fn form<N: AsRef<str>>(&mut self, rows: impl IntoIterator<Item = (N, String)>) {
        let rows = rows.into_iter().map(|(name, text)| (name.as_ref().to_owned(), text));
        self.blocks.push(Block::Form(rows.collect()));
    }

    /// Adds a part of names and texts.
    pub fn fields<N: AsRef<str>>(&mut self, title: &str, rows: impl IntoIterator<Item = (N, String)>) {
        self.heading(title);
        self.form(rows);
    }

    /// Adds a part with a table.
    pub fn list<H: AsRef<str>>(
        &mut self,
        title: &str,
        heads: &[H],
        rows: impl IntoIterator<Item = Vec<String>>,
    ) {
        self.heading(title);
        self.table(heads, rows);
    }

    /// Adds a table without a heading.
    pub fn table<H: AsRef<str>>(&mut self, heads: &[H], rows: impl IntoIterator<Item = Vec<String>>) {
        let heads = heads.iter().map(|head| head.as_ref().to_owned()).collect();
        self.blocks.push(Block::Table { heads, rows: rows.into_iter().collect() });
    }

    /// Adds what to do, one after the other.
    pub fn steps(&mut self, steps: &[&str]) {
        self.blocks.push(Block::Steps(steps.iter().map(|&step| step.to_owned()).collect()));
    }

    /// Adds a text as it is.
    pub fn verbatim(&mut self, text: &str) {
        self.blocks.push(Block::Verbatim(text.to_owned()));
    }

    /// Adds a QR code.
    pub fn qr(&mut self, text: &str, label: &str) {
        self.blocks.push(Block::Qr { text: text.to_owned(), label: label.to_owned() });
    }

    /// The whole as an HTML document, without script and without anything from elsewhere.
    pub fn html(&self) -> String {
        html::document(self, None)
    }

    /// The same with a link to another form of it, which is not printed.
    pub fn html_with(&self, address: &str, words: &str) -> String {
        html::document(self, Some((address, words)))
    }

    /// What stands below the heading of the whole, to stand in another page.
    pub fn markup(&self) -> Markup {
        html::blocks(self.blocks.iter().filter(|block| !matches!(block, Block::Title(_))))
    }

    /// The whole as a PDF, character for character: refused if the font lacks one.
    pub fn pdf(&self, typeface: &Typeface) -> Result<Vec<u8>, PaperProblem> {
        pdf::write(self, typeface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paper() -> Paper {
        let mut paper = Paper::new("消去証明書 第1号", Instant::from_micros(0));
        paper.title("消去証明書");
        paper.warning("注意：", "<この用紙>は保管してください。");
        paper.fields("証明書", [("番号", "第1号\n2行目".to_owned())]);
        paper.list("消去したもの", &["計画", "件数"], [vec!["records".to_owned(), "3".to_owned()]]);
        paper.verbatim("AGE-SECRET-KEY-1…");
        paper.qr("text", "復旧鍵のQRコード");
        paper
    }

    #[test]
    fn an_html_document_has_every_block_and_nothing_active() {
        let made = paper().html();
        for words in [
            "<title>消去証明書 第1号</title>",
            "<h1>消去証明書</h1>",
            "<strong>注意：</strong>&lt;この用紙&gt;",
            "第1号<br>2行目",
            "<th scope=\"col\">計画</th>",
            "<td>records</td>",
            "<pre>AGE-SECRET-KEY-1…</pre>",
            "aria-label=\"復旧鍵のQRコード\"",
        ] {
            assert!(made.contains(words), "{words}: {made}");
        }
        assert!(!made.contains("<script") && !made.contains("<この用紙>"), "{made}");
    }

    #[test]
    fn markup_for_another_page_has_no_heading_of_the_whole() {
        let made = paper().markup().into_string();
        assert!(!made.contains("<h1>") && made.contains("<h2>証明書</h2>"), "{made}");
    }

    #[test]
    fn characters_without_a_picture_are_named_by_number() {
        let problem = PaperProblem::NoGlyph(vec!['𠮷', 'あ']);
        assert!(problem.to_string().contains("U+20BB7, U+3042"), "{problem}");
    }
}
