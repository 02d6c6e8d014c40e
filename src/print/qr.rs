//! QR codes as SVG, without script and without styles: they stand in pages whose policy allows neither.

use maud::{Markup, html};
use qrcode::{Color, QrCode};

/// A text as a QR code with its quiet zone; nothing where it is too long for one.
pub fn qr(text: &str, label: &str) -> Markup {
    let Ok(code) = QrCode::new(text.as_bytes()) else { return html! {} };
    let width = code.width();
    let mut path = String::new();
    for (at, _) in code.to_colors().iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        // Four modules of quiet zone around it, as the standard asks.
        path.push_str(&format!("M{} {}h1v1h-1z", at.rem_euclid(width) + 4, at.div_euclid(width) + 4));
    }
    let side = width + 8;
    html! {
        svg class="qr" viewBox={ "0 0 " (side) " " (side) } role="img" aria-label=(label) {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    }
}
