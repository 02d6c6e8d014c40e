//! XLSX, out and in again: every cell is text, none is a formula, nothing says when or by whom it was made.
//!
//! What was written is read again by code of its own (`zip` unpacks, the few elements that occur are looked up here) and
//! must be the table that was given, cell by cell: a writer's special case becomes a refusal, never another value.

use std::io::{Cursor, Read as _};

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Workbook};
use zip::ZipArchive;

use super::table::{Column, Table};

/// The most rows of a sheet, with that of the names.
pub const SHEET_ROWS_MAX: usize = 1_048_576;

/// The longest text of a cell, in UTF-16 units.
pub const CELL_UNITS_MAX: usize = 32_767;

/// The name of the one sheet.
const SHEET: &str = "抽出";

/// Larger parts are not unpacked, bytes.
const PART_BYTES_MAX: u64 = 2 << 30;

/// Why there is no spreadsheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SheetProblem {
    /// It has more rows than a sheet may have.
    #[error("a sheet holds {SHEET_ROWS_MAX} rows, and there are {rows}: hand over CSV")]
    ManyRows {
        /// How many there would be.
        rows: usize,
    },
    /// A cell is too long.
    #[error(
        "{cells} cell(s) are longer than the {CELL_UNITS_MAX} characters that a spreadsheet holds: hand over CSV"
    )]
    LongCell {
        /// How many.
        cells: usize,
    },
    /// The writer failed.
    #[error("the table cannot be written as a spreadsheet")]
    Failed,
    /// What was written is not what was to be written.
    #[error("the spreadsheet that was written does not hold what the table holds: nothing is handed over")]
    Changed,
    /// A file that is no spreadsheet of this kind.
    #[error("the file is no spreadsheet that Kura wrote")]
    Unreadable,
}

/// Writes a table with a row of names, and reads it back.
pub fn write_spreadsheet(table: &Table) -> Result<Vec<u8>, SheetProblem> {
    let rows = table.rows().saturating_add(1);
    if rows > SHEET_ROWS_MAX {
        return Err(SheetProblem::ManyRows { rows });
    }
    let is_long = |text: &&String| text.encode_utf16().count() > CELL_UNITS_MAX;
    let cells = table.columns.iter().map(|column| column.values().iter().filter(is_long).count()).sum();
    if cells > 0 {
        return Err(SheetProblem::LongCell { cells });
    }
    let bytes = written(table).map_err(|_| SheetProblem::Failed)?;
    if read_spreadsheet(&bytes).is_ok_and(|back| back == *table) {
        Ok(bytes)
    } else {
        Err(SheetProblem::Changed)
    }
}

fn written(table: &Table) -> Result<Vec<u8>, rust_xlsxwriter::XlsxError> {
    let mut book = Workbook::new();
    // A day that says nothing: the writer would ask the clock.
    book.set_properties(&DocProperties::new().set_creation_datetime(&ExcelDateTime::from_ymd(2000, 1, 1)?));
    let sheet = book.add_worksheet();
    sheet.set_name(SHEET)?;
    sheet.set_freeze_panes(1, 0)?;
    for (place, column) in (0_u16..).zip(&table.columns) {
        sheet.write_string(0, place, &column.name)?;
        for (row, number) in (0..column.rows()).zip(1_u32..) {
            // As text, whatever it looks like: `=1+1` stays four characters.
            sheet.write_string(number, place, column.text(row))?;
        }
    }
    book.save_to_buffer()
}

/// Reads a spreadsheet that [`write_spreadsheet`] wrote.
pub fn read_spreadsheet(bytes: &[u8]) -> Result<Table, SheetProblem> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| SheetProblem::Unreadable)?;
    let mut part = |name: &str| {
        let entry = archive.by_name(name).map_err(|_| SheetProblem::Unreadable)?;
        let mut text = String::new();
        entry.take(PART_BYTES_MAX).read_to_string(&mut text).map_err(|_| SheetProblem::Unreadable)?;
        Ok(text)
    };
    let (shared, sheet) = (part("xl/sharedStrings.xml")?, part("xl/worksheets/sheet1.xml")?);
    let texts = shared.split("<si>").skip(1).map(text_of).collect::<Option<Vec<String>>>();
    let texts = texts.ok_or(SheetProblem::Unreadable)?;
    table_of(&sheet, &texts).ok_or(SheetProblem::Unreadable)
}

fn table_of(sheet: &str, texts: &[String]) -> Option<Table> {
    let mut table = Table::default();
    for (number, row) in sheet.split("<row ").skip(1).enumerate() {
        let mut cells = row.split("<c ").skip(1);
        for place in 0.. {
            let Some(cell) = cells.next() else {
                // A row with fewer cells than names is not one that was written here.
                if place == table.columns.len() {
                    break;
                }
                return None;
            };
            let (head, value) = cell.split_once("><v>")?;
            if !head.ends_with(" t=\"s\"") || column_of(head)? != place {
                return None;
            }
            let text = texts.get(value.split_once('<')?.0.parse::<usize>().ok()?)?;
            if number == 0 {
                table.columns.push(Column::new(text));
            } else {
                table.columns.get_mut(place)?.push(text);
            }
        }
    }
    if table.columns.is_empty() { None } else { Some(table) }
}

/// The column of `r="AB12"`, from 0.
fn column_of(head: &str) -> Option<usize> {
    let letters = head.strip_prefix("r=\"")?.bytes().take_while(u8::is_ascii_uppercase);
    let place = letters
        .fold(0_usize, |place, letter| place.saturating_mul(26).saturating_add(usize::from(letter - b'@')));
    place.checked_sub(1)
}

/// The text of an item of the list of texts.
fn text_of(item: &str) -> Option<String> {
    let (head, rest) = item.split_once('>')?;
    if head != "<t" && head != "<t xml:space=\"preserve\"" {
        return None;
    }
    let raw = rest.split_once("</t></si>")?.0;
    let plain = raw.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    Some(unescaped(&plain))
}

/// `_x0041_` stands for a character, in spreadsheets.
fn unescaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("_x") {
        made.push_str(before);
        let code = after.get(..4).filter(|_| after.get(4..5) == Some("_"));
        let found = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        if let (Some(found), Some(next)) = (found, after.get(5..)) {
            made.push(found);
            rest = next;
        } else {
            made.push_str("_x");
            rest = after;
        }
    }
    made + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(cells: &[&str]) -> Table {
        let many = cells.iter().map(|_| "同じ");
        Table { columns: vec![Column::of("所見", cells.iter().copied()), Column::of("病棟", many)] }
    }

    #[test]
    fn case_7_formulas_are_text_and_what_looks_like_a_number_stays_as_it_is() {
        let made = table(&[
            "=cmd|' /C calc'!A0",
            "+1",
            "-5",
            "@x",
            "007",
            "1E5",
            "2024-04-01",
            "TRUE",
            "a<b>&\"c\"",
        ]);
        let bytes = write_spreadsheet(&made).expect("is written");
        assert_eq!(read_spreadsheet(&bytes), Ok(made.clone()));
        assert_eq!(write_spreadsheet(&made).expect("again"), bytes, "nothing says when it was made");
        let mut archive = ZipArchive::new(Cursor::new(&bytes)).expect("a zip");
        for place in 0..archive.len() {
            let mut text = String::new();
            let mut entry = archive.by_index(place).expect("an entry");
            entry.read_to_string(&mut text).expect("text");
            assert!(!text.contains("<f>") && !text.contains("<f "), "no formula");
            assert!(!text.contains("2026-"), "no time: {text}");
        }
    }

    #[test]
    fn what_the_writer_would_take_for_markup_is_refused() {
        let made = table(&["<r><t>other</t></r>"]);
        assert_eq!(write_spreadsheet(&made), Err(SheetProblem::Changed));
    }

    #[test]
    fn case_26_what_a_sheet_does_not_hold_is_refused() {
        let long = "あ".repeat(CELL_UNITS_MAX + 1);
        assert_eq!(write_spreadsheet(&table(&[&long])), Err(SheetProblem::LongCell { cells: 1 }));
        assert!(write_spreadsheet(&table(&[&"あ".repeat(CELL_UNITS_MAX)])).is_ok());
        for bytes in [&b"PK"[..], b"", b"a,b\r\n"] {
            assert_eq!(read_spreadsheet(bytes), Err(SheetProblem::Unreadable));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back_or_refused(cells in proptest::collection::vec(".{0,8}", 1..6)) {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let made = table(&cells);
            match write_spreadsheet(&made) {
                Ok(bytes) => prop_assert_eq!(read_spreadsheet(&bytes), Ok(made)),
                Err(problem) => prop_assert_eq!(problem, SheetProblem::Changed),
            }
        }
    }
}
