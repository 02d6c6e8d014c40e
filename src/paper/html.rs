//! Papers as HTML documents.

use base64::Engine as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::qr::qr;
use super::{Block, Paper};

const STYLE: &str = "body{font-family:serif;max-width:46em;margin:2em auto;padding:0 1em;line-height:1.7}h1{text-align:center}\
table{border-collapse:collapse;width:100%;margin:.5em 0 1.5em}th,td{border:1px solid #000;padding:.3em .6em;min-width:3.2em;\
text-align:left;vertical-align:top;overflow-wrap:anywhere}tbody th{width:30%;font-weight:normal;background:#eee}\
pre{border:1px solid #000;padding:.6em;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.9em}\
.right{text-align:right}.qr{width:6.5cm;height:6.5cm}.warn{border:3px solid #000;padding:.4em .8em}@page{size:A4;margin:20mm}@media print{.unprinted{display:none}body{margin:0;padding:0}tr{break-inside:avoid}}";

/// What a Content-Security-Policy must say under `style-src`, so that the style of these pages counts and no other.
pub fn style_source() -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
    format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(digest))
}

/// A whole document.
pub(super) fn document(paper: &Paper, link: Option<(&str, &str)>) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="ja" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (paper.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                @if let Some((address, words)) = link { p class="right unprinted" { a href=(address) { (words) } } }
                (blocks(&paper.blocks))
            }
        }
    };
    document.into_string()
}

/// Blocks, one after the other.
pub(super) fn blocks<'b>(blocks: impl IntoIterator<Item = &'b Block>) -> Markup {
    html! { @for one in blocks { (block(one)) } }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Title(text) => html! { h1 { (text) } },
        Block::Heading(text) => html! { h2 { (text) } },
        Block::Text(text) => html! { p { (lines(text)) } },
        Block::Right(text) => html! { p class="right" { (lines(text)) } },
        Block::Warning(first, rest) => {
            html! { p class="warn" { @if !first.is_empty() { strong { (first) } } (rest) } }
        }
        Block::Form(rows) => html! {
            table { tbody {
                @for (name, text) in rows { tr { th scope="row" { (name) } td { (lines(text)) } } }
            } }
        },
        Block::Table { heads, rows } => html! {
            table {
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (lines(cell)) } } } } }
            }
        },
        Block::Steps(steps) => html! { ol { @for step in steps { li { (lines(step)) } } } },
        Block::Verbatim(text) => html! { pre { (text) } },
        Block::Qr { text, label } => qr(text, label),
    }
}

fn lines(text: &str) -> Markup {
    html! {
        @for (number, line) in text.split('\n').enumerate() {
            @if number > 0 { br; }
            (line)
        }
    }
}
