//! Pages of A4 to print: a form, then a table whose heads stand on every page, and on each page what it belongs to and
//! which one of how many it is.
//!
//! The program says what stands where, not the browser, so that no page is without these words: each page is one picture
//! (SVG) whose texts are texts. The document needs nothing from elsewhere and runs nothing; the same content gives the
//! same bytes.
//!
//! Public here: `Paper`, `PaperProblem`, `pages`.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use layout::{HEIGHT, Item, WIDTH, lay_out};

/// What stands where.
mod layout;

/// More pages than this nobody prints.
pub const PAGES_MAX: usize = 300;

const STYLE: &str = "body{margin:0;background:#777}svg{display:block;width:210mm;height:297mm;margin:4mm auto;background:#fff;\
font-family:'IPAexGothic','Noto Sans CJK JP','Noto Sans JP','Yu Gothic','Hiragino Sans',sans-serif}\
@page{size:A4;margin:0}@media print{body{background:#fff}svg{margin:0;break-after:page}svg:last-child{break-after:auto}}";

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paper {
    /// The heading of the first page.
    pub title: String,
    /// Stands at the top of every page.
    pub head: String,
    /// Stands at the bottom of every page, beside its number.
    pub foot: String,
    /// The form: names and texts.
    pub fields: Vec<(String, String)>,
    /// What stands below the form, paragraph by paragraph.
    pub notes: Vec<String>,
    /// The heads of the table.
    pub heads: Vec<String>,
    /// Its rows.
    pub rows: Vec<Vec<String>>,
}

/// Why there are no pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PaperProblem {
    /// Too many pages.
    #[error("it would be more than {PAGES_MAX} pages: let it be a file, or fewer rows")]
    TooLong,
    /// A row that is higher than a page.
    #[error("a cell is too long for a page: let it be a file")]
    Tall,
    /// More columns than fit beside each other.
    #[error(
        "a page has no room for {0} columns beside each other: let it be a file, or release fewer columns"
    )]
    TooWide(usize),
}

/// Writes the pages as one document.
pub fn pages(paper: &Paper) -> Result<String, PaperProblem> {
    let pages = lay_out(paper)?;
    let document = html! {
        (DOCTYPE)
        html lang="ja" {
            head {
                meta charset="utf-8";
                title { (paper.title) " " (paper.head) }
                style { (PreEscaped(STYLE)) }
            }
            body { @for page in &pages { (picture(page)) } }
        }
    };
    Ok(document.into_string())
}

fn picture(page: &[Item]) -> Markup {
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } {
            // Areas first, so that none lies over a text.
            @for item in page {
                @if let Item::Area { at, size, gray } = item {
                    rect x=(at.0) y=(at.1) width=(size.0) height=(size.1) fill={ "rgb(" (gray) "," (gray) "," (gray) ")" } {}
                }
            }
            @for item in page {
                @if let Item::Text { at, size, text } = item {
                    text x=(at.0) y=(at.1) font-size=(size) { (text) }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn paper(rows: Vec<Vec<String>>, columns: usize) -> Paper {
        Paper {
            title: "資料".to_owned(),
            head: "許可番号 R08-001".to_owned(),
            foot: "表のSHA-256 0123456789abcdef".to_owned(),
            fields: vec![("件名".to_owned(), "<受診動向> & \"その他\"".to_owned())],
            notes: vec!["注".repeat(100)],
            heads: (0..columns).map(|place| format!("項目{place}")).collect(),
            rows,
        }
    }

    #[test]
    fn every_page_says_to_what_it_belongs() {
        let rows = (0..100).map(|row| vec![format!("行{row}"), "値".to_owned()]).collect();
        let made = pages(&paper(rows, 2)).expect("fits");
        let found: Vec<&str> = made.split("<svg").skip(1).collect();
        assert!((3..8).contains(&found.len()), "{}", found.len());
        for (number, page) in found.iter().enumerate() {
            let place = format!("{}/{}ページ", number + 1, found.len());
            for words in ["許可番号 R08-001", "0123456789abcdef", "項目1", &place] {
                assert!(page.contains(words), "{words}: {page}");
            }
        }
        assert!(made.contains("&lt;受診動向&gt;") && !made.contains("<受診"), "{made}");
        assert!((0..100).all(|row| made.contains(&format!(">行{row}<"))), "no row is lost");
    }

    #[test]
    fn what_no_page_holds_is_refused() {
        let rows = (0..20_000).map(|row| vec![row.to_string()]).collect();
        assert_eq!(pages(&paper(rows, 1)), Err(PaperProblem::TooLong));
        assert_eq!(pages(&paper(vec![vec!["x".repeat(60_000)]], 1)), Err(PaperProblem::Tall));
        assert_eq!(pages(&paper(vec![vec![String::new(); 40]], 40)), Err(PaperProblem::TooWide(40)));
    }

    proptest! {
        #[test]
        fn nothing_stands_outside_of_its_page(cells in proptest::collection::vec(".{0,60}", 1..40), columns in 1..9_usize) {
            let rows = cells.chunks(columns).map(|row| {
                let mut row = row.to_vec();
                row.resize(columns, String::new());
                row
            });
            let made = lay_out(&paper(rows.collect(), columns)).expect("fits");
            for item in made.iter().flatten() {
                let (at, far) = match item {
                    Item::Text { at, .. } => (*at, *at),
                    Item::Area { at, size, .. } => (*at, (at.0 + size.0, at.1 + size.1)),
                };
                prop_assert!(at.0 >= 40.0 && at.1 >= 40.0 && far.0 <= WIDTH - 40.0 && far.1 <= HEIGHT - 40.0);
            }
        }
    }
}
