//! Pages to print and file, in Japanese: whole HTML documents without script and without anything from elsewhere, the same
//! from the command line and from the console.

use base64::Engine as _;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::domain::calendar::wareki;
use crate::domain::time::{Day, Instant};
use crate::workflows::desk::tokyo;

/// A certificate of deletion.
pub mod certificate;

/// Reports to the 医師会.
pub mod evidence;
/// 障害報告書.
pub mod incident_report;
/// Permits.
pub mod permit;

/// Records of work.
pub mod work;

/// Who holds which role.
pub mod role_holders;

/// Recovery sheets.
pub mod key_sheet;

/// The report of an extract.
pub mod extract;
/// Statements of recoverability.
pub mod statement;

/// QR codes.
pub mod qr;

const STYLE: &str = "body{font-family:serif;max-width:46em;margin:2em auto;padding:0 1em;line-height:1.7}h1{text-align:center}\
table{border-collapse:collapse;width:100%;margin:.5em 0 1.5em}th,td{border:1px solid #000;padding:.3em .6em;min-width:3.2em;\
text-align:left;vertical-align:top;overflow-wrap:anywhere}tbody th{width:30%;font-weight:normal;background:#eee}\
code{font-size:.8em}pre{border:1px solid #000;padding:.6em;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.9em}\
.right{text-align:right}.qr{width:6.5cm;height:6.5cm}.warn{border:3px solid #000;padding:.4em .8em}@page{size:A4;margin:20mm}@media print{body{margin:0;padding:0}tr{break-inside:avoid}}";

/// What a Content-Security-Policy must say under `style-src`, so that the style of these pages counts and no other.
pub fn style_source() -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, STYLE.as_bytes());
    format!("'sha256-{}'", base64::engine::general_purpose::STANDARD.encode(digest))
}

fn document(title: &str, body: &Markup) -> String {
    let document = html! {
        (DOCTYPE)
        html lang="ja" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    document.into_string()
}

/// A table of fields with their names.
fn fields(title: &str, rows: &[(&str, String)]) -> Markup {
    html! {
        h2 { (title) }
        table { tbody {
            @for (name, text) in rows { tr { th scope="row" { (name) } td { (text) } } }
        } }
    }
}

/// A table of rows under their titles.
fn list(title: &str, heads: &[&str], rows: &[Vec<String>]) -> Markup {
    html! {
        h2 { (title) }
        table {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody { @for row in rows { tr { @for cell in row { td { (cell) } } } } }
        }
    }
}

/// A day as 令和; what is none stays as it is.
fn day(text: &str) -> String {
    text.parse::<Day>().map_or_else(|_| text.to_owned(), wareki)
}

/// An instant (RFC 3339) in Tokyo; what is none stays as it is.
fn time(text: &str) -> String {
    let at = text.parse::<jiff::Timestamp>().map(|at| Instant::from_micros(at.as_microsecond()));
    at.map_or_else(
        |_| text.to_owned(),
        |at| {
            let zone = tokyo();
            format!("{} {}", wareki(zone.day_of(at)), zone.time_of(at))
        },
    )
}
