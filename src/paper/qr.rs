//! QR codes: as SVG without script and without styles, for pages whose policy allows neither, and as places to draw at.

use maud::{Markup, html};
use qrcode::{Color, QrCode};

/// Modules of quiet zone around a code, as the standard asks.
const QUIET: usize = 4;

/// How many modules a code has along a side with its quiet zone, and the columns and rows of the dark ones; `None` where the
/// text is too long for one.
pub(super) fn modules(text: &str) -> Option<(usize, Vec<(usize, usize)>)> {
    let code = QrCode::new(text.as_bytes()).ok()?;
    let width = code.width();
    let dark = code.to_colors().into_iter().enumerate().filter(|(_, color)| *color == Color::Dark);
    let dark = dark.map(|(at, _)| (at.rem_euclid(width) + QUIET, at.div_euclid(width) + QUIET));
    Some((width + 2 * QUIET, dark.collect()))
}

/// A text as a QR code with its quiet zone; nothing where it is too long for one.
pub fn qr(text: &str, label: &str) -> Markup {
    let Some((side, dark)) = modules(text) else { return html! {} };
    let mut path = String::new();
    for (column, row) in dark {
        path.push_str(&format!("M{column} {row}h1v1h-1z"));
    }
    html! {
        svg class="qr" viewBox={ "0 0 " (side) " " (side) } role="img" aria-label=(label) {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    }
}
