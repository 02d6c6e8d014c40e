//! Papers as PDF: read back by programs of others, with the font that the tests install.

use kura::domain::time::Instant;
use kura::paper::{Paper, PaperProblem, Typeface};
use proptest::prelude::*;

use crate::support::pdf;

/// `fonts-noto-cjk`, which `tests/run.sh` installs.
const FONT: &str = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc";

fn typeface() -> Typeface {
    Typeface::new(std::fs::read(FONT).expect("the font is installed")).expect("is a font")
}

fn paper() -> Paper {
    Paper::new("試験用の用紙", Instant::from_micros(1_800_000_000_000_000))
}

/// A course of events that no page holds.
fn long() -> String {
    let lines = (1..=120).map(|line| format!("令和8年11月24日 9:00　{line}番目の出来事を記録しました。"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_block_stands_on_the_page_in_order() {
    let mut paper = paper();
    paper.bands("許可番号 R08-001", "表のSHA-256 0123");
    paper.title("障害報告書");
    paper.text("拝啓　時下ますますご清栄のこととお慶び申し上げます。");
    paper.right("敬具");
    paper.warning("注意：", "写真に撮らないでください。");
    paper.fields("形式", [("発見日時", "髙﨑　𠮷田\n2行目".to_owned())]);
    paper.list("一覧", &["計画", "件数"], [vec!["records".to_owned(), "3".to_owned()]]);
    paper.steps(&["用意します。", "実行します。"]);
    paper.verbatim("AGE-SECRET-KEY-1XYZ\n2");
    paper.qr("text", "QRコード");
    let bytes = paper.pdf(&typeface()).expect("a PDF");
    assert!(bytes.starts_with(b"%PDF-1.") && bytes.windows(7).any(|part| part == b"pdfaid:"), "is PDF/A");
    let said = pdf::solid(&pdf::pages(&bytes).concat());
    let order = [
        "障害報告書",
        "拝啓　時下",
        "敬具",
        "注意：写真に",
        "形式",
        "髙﨑　𠮷田",
        "2行目",
        "一覧",
        "計画",
        "records",
        "1.用意します。",
        "2.実行します。",
        "AGE-SECRET-KEY-1XYZ",
    ];
    let found = order.map(|words| said.find(&pdf::solid(words)));
    assert!(found.iter().all(Option::is_some) && found.is_sorted(), "{found:?}: {said}");
    for words in ["許可番号R08-001", "表のSHA-2560123", "1/1ページ"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(bytes, paper.pdf(&typeface()).expect("a PDF"), "the same paper gives the same bytes");
    let fonts = pdf::fonts(&bytes);
    assert!(fonts.len() == 1 && fonts[0].contains("yes yes yes"), "the font is inside, in part: {fonts:?}");
    assert!(bytes.len() < 60_000, "{} bytes", bytes.len());
}

#[test]
fn what_no_page_holds_goes_on_on_the_next_under_the_same_heads() {
    let mut paper = paper();
    paper.form([("経過", long())]);
    let rows = (0..100).map(|row| vec![format!("行{row}終"), "値".repeat(row)]);
    paper.table(&["番号の列", "値の列"], rows);
    let pages = pdf::pages(&paper.pdf(&typeface()).expect("a PDF"));
    let said = pdf::solid(&pages.concat());
    assert!((4..20).contains(&pages.len()), "{}", pages.len());
    assert!((1..=120).all(|line| said.contains(&format!("{line}番目の出来事を記録しました。"))), "{said}");
    assert!((0..100).all(|row| said.contains(&format!("行{row}終"))), "no row is lost");
    let values = said.matches('値').count() - said.matches("値の列").count();
    assert_eq!(values, (0..100).sum::<usize>(), "no part of a cell is lost");
    let mut with_rows = pages.iter().filter(|page| page.contains('終'));
    assert!(with_rows.all(|page| pdf::solid(page).contains("番号の列")), "heads stand on every page");
    let named = pages.iter().filter(|page| page.contains("番目の出来事")).enumerate();
    for (number, page) in named {
        let again = page.contains("経過（続き）");
        assert_eq!(again, number > 0, "a field that goes on is named again: {page}");
    }
    for (number, page) in pages.iter().enumerate() {
        assert!(pdf::solid(page).contains(&format!("{}/{}ページ", number + 1, pages.len())));
    }
}

#[test]
fn lines_end_where_they_may_in_japanese() {
    let mut paper = paper();
    paper.text(&"あいうえ、かきく。けこ（さし）っす「せそ」ー".repeat(60));
    let bytes = paper.pdf(&typeface()).expect("a PDF");
    let page = pdf::pages(&bytes).concat();
    let lines: Vec<&str> = page.lines().map(str::trim).filter(|line| line.chars().count() > 20).collect();
    assert!(lines.len() > 20, "{page}");
    for line in lines {
        let (first, last) = (line.chars().next(), line.chars().last());
        assert!(!first.is_some_and(|c| "、。）」っー".contains(c)), "行頭禁則: {line}");
        assert!(!last.is_some_and(|c| "（「".contains(c)), "行末禁則: {line}");
    }
}

#[test]
fn what_cannot_be_printed_is_said_before_anything_is_written() {
    let typeface = typeface();
    let mut emoji = paper();
    emoji.fields("備考", [("所見", "良好😀\u{e000}\u{7}".to_owned())]);
    let problem = emoji.pdf(&typeface).expect_err("no picture of it");
    assert_eq!(problem, PaperProblem::NoGlyph(vec!['\u{7}', '\u{e000}', '😀']));
    assert!(problem.to_string().contains("U+0007, U+E000, U+1F600"), "{problem}");
    let mut wide = paper();
    wide.table(&["列"; 40], [vec![String::new(); 40]]);
    assert_eq!(wide.pdf(&typeface), Err(PaperProblem::TooWide(40)));
    let mut many = paper();
    many.table(&["列"], (0..20_000).map(|row| vec![row.to_string()]));
    assert_eq!(many.pdf(&typeface), Err(PaperProblem::TooLong));
    assert!(Typeface::new(b"no font".to_vec()).is_none());
}

#[test]
fn what_the_font_lacks_is_seen_on_papers_of_records_and_named_at_their_end() {
    let typeface = typeface();
    let mut record = paper();
    record.bands("頭\u{e000}", "足");
    record.fields("備考", [("所見", "良好😀❤\u{fe0f}、葛\u{e01ef}城\u{e000}\u{7}終".to_owned())]);
    record.list("表", &["列"], [vec!["値😀".to_owned()]]);
    let bytes = record.clone().with_substitutes(&typeface).pdf(&typeface).expect("a PDF");
    let said = pdf::solid(&pdf::pages(&bytes).concat());
    for words in [
        "頭〓[U+E000]",
        "良好〓[U+1F600]",
        "葛[U+E01EF]城〓[U+E000]〓[U+0007]終",
        "値〓[U+1F600]",
        "文字番号で表しました：U+0007,",
        "U+1F600",
    ] {
        assert!(said.contains(&pdf::solid(words)), "{words}: {said}");
    }
    assert!(record.pdf(&typeface).is_err(), "without it nothing is altered");
    let plain = paper();
    assert_eq!(plain.clone().with_substitutes(&typeface), plain, "nothing is added where nothing lacks");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_stands_outside_of_its_page(
        cells in proptest::collection::vec("[a-z0-9ぁ-んァ-ヶ一-龠、。（）\\n ]{0,400}", 1..40),
        columns in 1..9_usize,
    ) {
        let heads: Vec<String> = (0..columns).map(|place| format!("列{place}")).collect();
        let rows = cells.chunks(columns).map(|row| {
            let mut row = row.to_vec();
            row.resize(columns, String::new());
            row
        });
        let mut paper = paper();
        paper.table(&heads, rows);
        let bytes = match paper.pdf(&typeface()) {
            Ok(bytes) => bytes,
            Err(PaperProblem::NoGlyph(_)) => return Ok(()),
            Err(other) => panic!("{other}"),
        };
        let words = pdf::words(&bytes);
        for (page, [left, top, right, bottom], text) in &words {
            let is_inside = *left >= 40.0 && *top >= 40.0 && *right <= 555.0 && *bottom <= 802.0;
            prop_assert!(is_inside, "{text} on page {page} at {left} {top} {right} {bottom}");
        }
        let said: String = words.iter().map(|(_, _, text)| text.as_str()).collect();
        let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic()).count();
        let wanted: usize = cells.iter().map(|cell| letters(cell)).sum();
        prop_assert!(letters(&said) >= wanted, "{} of {wanted} letters", letters(&said));
    }
}
