//! PDFs as programs of others read them: poppler's `pdftotext` and `pdfinfo`.

use std::path::Path;
use std::process::Command;

/// What `pdftotext` reads, page by page, lines as they stand. Where the environment names a folder, the PDF is kept there for
/// somebody who looks at it.
pub(crate) fn pages(bytes: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("paper.pdf");
    std::fs::write(&file, bytes).expect("is written");
    if let Some(kept) = std::env::var_os("KURA_TEST_PICTURES") {
        let name = kura::archive::digest::Sha256::of(bytes).to_string();
        std::fs::write(Path::new(&kept).join(format!("{name}.pdf")), bytes).expect("is written");
    }
    let text = output("pdftotext", &["-layout", "-enc", "UTF-8"], &file, &["-"]);
    let mut pages: Vec<String> = text.split('\u{c}').map(str::to_owned).collect();
    assert_eq!(pages.pop().as_deref(), Some(""), "a page ends with a form feed");
    pages
}

/// Each word: its page, from where to where it stands in points (left, top, right, bottom), and its text.
pub(crate) fn words(bytes: &[u8]) -> Vec<(usize, [f32; 4], String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("paper.pdf");
    std::fs::write(&file, bytes).expect("is written");
    let text = output("pdftotext", &["-bbox", "-enc", "UTF-8"], &file, &["-"]);
    let mut page = 0;
    let mut words = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.starts_with("<page ") {
            page += 1;
        }
        let Some(word) = line.strip_prefix("<word ") else { continue };
        let (place, text) = word.split_once('>').expect("a word");
        let side = |name: &str| -> f32 {
            let value = place.split_once(&format!("{name}=\"")).expect("a side").1;
            value.split('"').next().expect("an end").parse().expect("a number")
        };
        let place = [side("xMin"), side("yMin"), side("xMax"), side("yMax")];
        words.push((page, place, text.trim_end_matches("</word>").to_owned()));
    }
    words
}

/// The same without blanks and ends of lines, for texts that may be cut anywhere.
pub(crate) fn solid(page: &str) -> String {
    page.split_whitespace().collect()
}

/// What `pdffonts` lists: one line a font, below two of heads.
pub(crate) fn fonts(bytes: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("paper.pdf");
    std::fs::write(&file, bytes).expect("is written");
    output("pdffonts", &[], &file, &[]).lines().skip(2).map(str::to_owned).collect()
}

fn output(program: &str, before: &[&str], file: &Path, after: &[&str]) -> String {
    let done = Command::new(program)
        .args(before)
        .arg(file)
        .args(after)
        .output()
        .expect("poppler-utils is installed");
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("is UTF-8")
}
