//! CSV, in and out: UTF-8 and `Shift_JIS` (as Windows writes it), exact to the byte.
//!
//! A byte that the encoding does not have is an error with its line, never a replacement character; so is a character
//! that the encoding cannot write. Every cell is quoted, so that no value is read as two.

use csv::{QuoteStyle, ReaderBuilder, Terminator, WriterBuilder};
use encoding_rs::{SHIFT_JIS, UTF_8};

use super::normal_form::{canonical, is_control};
use super::number::count;
use super::table::{Column, Table};

/// How a file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte-order mark.
    Utf8,
    /// `Shift_JIS` with the additions of Windows (CP932).
    ShiftJis,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writing {
    /// The encoding.
    pub encoding: Encoding,
    /// Whether cells that a spreadsheet would run as a formula get a `'` in front. This changes them, and is counted.
    pub is_spreadsheet_safe: bool,
}

/// Why a file cannot be read. Lines are counted from 1; no value is named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadProblem {
    /// Bytes that the encoding does not have.
    #[error("line {line} is not in the encoding that was named")]
    Encoding {
        /// The line.
        line: u64,
    },
    /// A NUL byte.
    #[error("line {line} holds a NUL byte")]
    Nul {
        /// The line.
        line: u64,
    },
    /// Fewer or more cells than there are names.
    #[error("line {line} has {cells} cells where the first line has {names}")]
    Ragged {
        /// The line.
        line: u64,
        /// Its cells.
        cells: usize,
        /// Names in the first line.
        names: usize,
    },
    /// A cell that is too long.
    #[error("line {line} has a cell of more than {CELL_BYTES_MAX} bytes")]
    LongCell {
        /// The line.
        line: u64,
    },
    /// More columns than can be handled.
    #[error("there are {columns} columns; at most {COLUMNS_MAX} can be handled")]
    ManyColumns {
        /// How many.
        columns: usize,
    },
    /// A name with a control character in it.
    #[error("the name of column {column} holds a control character: name it anew")]
    Name {
        /// Its place, from 1.
        column: usize,
    },
    /// No first line with names.
    #[error("there is no first line with the names of the columns")]
    NoNames,
}

/// Why a table cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteProblem {
    /// Characters that the encoding does not have.
    #[error("{cells} cell(s) hold characters that Shift_JIS does not have: write UTF-8")]
    Encoding {
        /// How many cells.
        cells: u64,
    },
    /// The writer failed.
    #[error("the table cannot be written as CSV")]
    Failed,
}

/// A file, and what writing changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The file.
    pub bytes: Vec<u8>,
    /// Cells that a spreadsheet would run as a formula. With [`Writing::is_spreadsheet_safe`] they got a `'` in front.
    pub formulas: u64,
}

/// The longest cell that is read.
pub const CELL_BYTES_MAX: usize = 64 << 10;

/// The most columns that are read.
pub const COLUMNS_MAX: usize = 1_000;

/// Reads a file whose first line names the columns.
pub fn read(bytes: &[u8], encoding: Encoding) -> Result<Table, ReadProblem> {
    Ok(read_counted(bytes, encoding)?.0)
}

/// Reads what [`write`] wrote, without the marks in front of what looks like a formula.
pub fn read_back(bytes: &[u8], writing: Writing) -> Result<Table, ReadProblem> {
    let mut table = read(bytes, writing.encoding)?;
    if writing.is_spreadsheet_safe {
        for column in &mut table.columns {
            let plain = |value: &str| {
                value.strip_prefix(MARK).filter(|rest| needs_mark(rest)).unwrap_or(value).to_owned()
            };
            *column = column.changed(|_, value| plain(value));
        }
    }
    Ok(table)
}

/// The same as [`read`], and how many cells held control characters, which are left out.
pub fn read_counted(bytes: &[u8], encoding: Encoding) -> Result<(Table, u64), ReadProblem> {
    let text = decode(bytes, encoding)?;
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut table = Table::default();
    let mut record = csv::StringRecord::new();
    let mut is_first = true;
    let mut controls = 0;
    while reader.read_record(&mut record).map_err(|_| ReadProblem::NoNames)? {
        let line = || line_at(text.as_bytes(), record.position().map_or(0, csv::Position::byte));
        if record.iter().any(|cell| cell.len() > CELL_BYTES_MAX) {
            return Err(ReadProblem::LongCell { line: line() });
        }
        if is_first {
            is_first = false;
            if record.len() > COLUMNS_MAX {
                return Err(ReadProblem::ManyColumns { columns: record.len() });
            }
            if let Some(place) = record.iter().position(|name| name.contains(char::is_control)) {
                return Err(ReadProblem::Name { column: place + 1 });
            }
            table.columns = record.iter().map(Column::new).collect();
            continue;
        }
        if record.len() != table.columns.len() {
            let (cells, names) = (record.len(), table.columns.len());
            return Err(ReadProblem::Ragged { line: line(), cells, names });
        }
        for (column, cell) in table.columns.iter_mut().zip(&record) {
            controls += u64::from(cell.contains(is_control));
            column.push(cell);
        }
    }
    if table.columns.is_empty() { Err(ReadProblem::NoNames) } else { Ok((table, controls)) }
}

/// The line of a record that begins at a byte, or at the end of the line before it: between CR and LF the reader has begun.
fn line_at(bytes: &[u8], byte: u64) -> u64 {
    let byte = usize::try_from(byte).unwrap_or(usize::MAX);
    let ends = bytes.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    let is_end = |at: usize| bytes.get(at).is_some_and(|byte| matches!(byte, b'\r' | b'\n'));
    let begin = (byte..bytes.len()).find(|at| !is_end(*at)).unwrap_or(bytes.len());
    count(ends.take_while(|(at, _)| *at < begin).count()) + 1
}

fn decode(bytes: &[u8], encoding: Encoding) -> Result<String, ReadProblem> {
    let line_of = |at: usize| count(bytes.iter().take(at).filter(|byte| **byte == b'\n').count()) + 1;
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(ReadProblem::Nul { line: line_of(at) });
    }
    match encoding {
        Encoding::Utf8 => {
            let text = std::str::from_utf8(bytes);
            let text = text.map_err(|error| ReadProblem::Encoding { line: line_of(error.valid_up_to()) })?;
            Ok(text.strip_prefix('\u{FEFF}').unwrap_or(text).to_owned())
        }
        Encoding::ShiftJis => {
            let text = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes);
            text.map(std::borrow::Cow::into_owned)
                .ok_or_else(|| ReadProblem::Encoding { line: first_bad_line(bytes) })
        }
    }
}

/// The line with the first bytes that `Shift_JIS` does not have.
fn first_bad_line(bytes: &[u8]) -> u64 {
    let lines = bytes.split(|byte| *byte == b'\n');
    let is_good =
        |line: &&[u8]| SHIFT_JIS.decode_without_bom_handling_and_without_replacement(line).is_some();
    count(lines.take_while(is_good).count()) + 1
}

/// Reads a hierarchy as ARX writes it: no names, `;` between the levels, the value first. Texts take the form in which
/// columns have them.
pub fn read_hierarchy(bytes: &[u8], encoding: Encoding) -> Result<Vec<Vec<String>>, ReadProblem> {
    let text = decode(bytes, encoding)?;
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(b';').from_reader(text.as_bytes());
    let lines = reader.records().map(|record| {
        let record = record.map_err(|_| ReadProblem::NoNames)?;
        Ok(record.iter().map(canonical).collect())
    });
    lines.collect()
}

/// Writes a table with a line of names; lines end with CR LF.
pub fn write(table: &Table, writing: Writing) -> Result<Written, WriteProblem> {
    let mut writer = WriterBuilder::new()
        .quote_style(QuoteStyle::Always)
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    let mut formulas = 0;
    let names = table.columns.iter().map(|column| column.name.as_str());
    writer.write_record(names).map_err(|_| WriteProblem::Failed)?;
    for row in 0..table.rows() {
        for column in &table.columns {
            let cell = column.text(row);
            formulas += u64::from(is_formula(cell));
            let mark = if writing.is_spreadsheet_safe && needs_mark(cell) { MARK } else { "" };
            writer.write_field(format!("{mark}{cell}")).map_err(|_| WriteProblem::Failed)?;
        }
        writer.write_record(None::<&[u8]>).map_err(|_| WriteProblem::Failed)?;
    }
    let bytes = writer.into_inner().map_err(|_| WriteProblem::Failed)?;
    let text = String::from_utf8(bytes).map_err(|_| WriteProblem::Failed)?;
    if writing.encoding == Encoding::Utf8 {
        return Ok(Written { bytes: UTF_8.encode(&text).0.into_owned(), formulas });
    }
    let (bytes, _, has_foreign) = SHIFT_JIS.encode(&text);
    if has_foreign {
        return Err(WriteProblem::Encoding { cells: foreign_cells(table) });
    }
    Ok(Written { bytes: bytes.into_owned(), formulas })
}

fn foreign_cells(table: &Table) -> u64 {
    let foreign = |value: &&String| SHIFT_JIS.encode(value).2;
    let in_column = |column: &Column| -> u64 {
        let values = column.values().iter().zip(column.counts());
        values.filter(|(value, _)| foreign(value)).map(|(_, rows)| rows).sum()
    };
    table.columns.iter().map(in_column).sum()
}

/// What stands in front of a cell that a spreadsheet would run.
const MARK: &str = "'";

/// Whether a cell gets a mark: it would be run, or has such a mark already, which would be taken for ours.
fn needs_mark(cell: &str) -> bool {
    is_formula(cell.trim_start_matches(MARK))
}

/// Whether a spreadsheet would run this cell. A number that begins with a sign is a number.
pub(super) fn is_formula(cell: &str) -> bool {
    let lead = cell.chars().next();
    let is_risky = matches!(lead, Some('=' | '+' | '-' | '@' | '\t' | '\r' | '＝' | '＋' | '－' | '＠'));
    is_risky && cell.parse::<f64>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PLAIN: Writing = Writing { encoding: Encoding::Utf8, is_spreadsheet_safe: false };

    fn table(cells: &[&str]) -> Table {
        Table { columns: vec![Column::of("所見", cells.iter().copied())] }
    }

    #[test]
    fn case_7_a_cell_stays_one_cell_and_formulas_are_guarded_where_asked() {
        let risky = ["=cmd()", "+1+2", "-5", "@x", "-5.5", "安定", "a\"b", "＝1+1", "x=1"];
        let plain = write(&table(&risky), PLAIN).expect("writes");
        assert_eq!(plain.formulas, 4, "they are counted, and left as they are");
        let back = read(&plain.bytes, Encoding::Utf8).expect("reads");
        assert_eq!(back, table(&risky), "byte for byte");
        let safe = write(&table(&risky), Writing { is_spreadsheet_safe: true, ..PLAIN }).expect("writes");
        assert_eq!(safe.formulas, 4, "-5 is a number, and ＝ was made narrow when it was read");
        let writing = Writing { is_spreadsheet_safe: true, ..PLAIN };
        assert_eq!(read_back(&safe.bytes, writing), Ok(table(&risky)), "the marks are not of the data");
        let marked = ["'=cmd()", "''@x", "'安定", "=cmd()"];
        let written = write(&table(&marked), writing).expect("writes");
        assert_eq!(read_back(&written.bytes, writing), Ok(table(&marked)), "no mark is taken for another");
        let text = String::from_utf8(safe.bytes).expect("UTF-8");
        assert!(
            text.contains("\"'=cmd()\"") && text.contains("\"-5\"") && text.contains("\"x=1\""),
            "{text}"
        );
    }

    #[test]
    fn control_characters_are_left_out_and_counted_and_none_hides_a_number() {
        let text =
            "所見\r\n安\u{1}定\r\n\u{1b}[31m赤\u{7f}\r\n平\u{9b}常\r\n\"a\tb\nc\"\r\n12345\u{1f}6789018\r\n";
        let (table, controls) = read_counted(text.as_bytes(), Encoding::Utf8).expect("reads");
        assert_eq!(table.columns[0].values(), ["安定", "[31m赤", "平常", "a b c", "123456789018"]);
        assert_eq!(controls, 4, "tabs and ends of lines are spaces");
        let written = write(&table, PLAIN).expect("writes");
        let text = String::from_utf8(written.bytes).expect("UTF-8").replace("\r\n", "");
        assert!(!text.contains(char::is_control), "{text:?}");
        assert_eq!(read("a,b\u{1}\nx,y\n".as_bytes(), Encoding::Utf8), Err(ReadProblem::Name { column: 2 }));
    }

    #[test]
    fn case_26_bytes_that_are_not_in_the_encoding_are_an_error_with_their_line() {
        assert_eq!(read(b"a\nx\n\xFF\n", Encoding::Utf8), Err(ReadProblem::Encoding { line: 3 }));
        assert_eq!(read(b"a\nx\ny\n\x81\n", Encoding::ShiftJis), Err(ReadProblem::Encoding { line: 4 }));
        assert_eq!(read(b"a\nx\0\n", Encoding::Utf8), Err(ReadProblem::Nul { line: 2 }));
        assert_eq!(
            read(b"a,b\nx\n", Encoding::Utf8),
            Err(ReadProblem::Ragged { line: 2, cells: 1, names: 2 })
        );
        for text in ["a,b\r\n1,2\r\n3\r\n", "a,b\r1,2\r3\r", "a,b\n\n3\n", "a,b\r\n\"1\r\n\",2\r\n3"] {
            let line = if text.contains('"') { 4 } else { 3 };
            assert_eq!(
                read(text.as_bytes(), Encoding::Utf8),
                Err(ReadProblem::Ragged { line, cells: 1, names: 2 }),
                "{text:?}"
            );
        }
        assert_eq!(read(b"", Encoding::Utf8), Err(ReadProblem::NoNames));
        let long = format!("a\n{}\n", "x".repeat(CELL_BYTES_MAX + 1));
        assert_eq!(read(long.as_bytes(), Encoding::Utf8), Err(ReadProblem::LongCell { line: 2 }));
        let many = ["x"; COLUMNS_MAX + 1].join(",");
        assert_eq!(
            read(many.as_bytes(), Encoding::Utf8),
            Err(ReadProblem::ManyColumns { columns: COLUMNS_MAX + 1 })
        );
    }

    #[test]
    fn shift_jis_is_read_and_written() {
        let (bytes, _, _) = SHIFT_JIS.encode("氏名\r\n髙﨑①\r\nﾔﾏﾀﾞ\r\n");
        let read = read(&bytes, Encoding::ShiftJis).expect("reads");
        assert_eq!(read.columns[0].values(), ["髙﨑1", "ヤマダ"]);
        let written = write(&read, Writing { encoding: Encoding::ShiftJis, ..PLAIN }).expect("writes");
        assert_eq!(super::read(&written.bytes, Encoding::ShiftJis), Ok(read));
        let foreign = write(&table(&["𠮷", "吉", "𠮷"]), Writing { encoding: Encoding::ShiftJis, ..PLAIN });
        assert_eq!(foreign, Err(WriteProblem::Encoding { cells: 2 }));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(cells in prop::collection::vec("[ -~あ-んァ-ヶ\"',;=\n\r]{0,12}", 1..20)) {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let own = table(&cells);
            let written = write(&own, PLAIN).expect("writes");
            prop_assert_eq!(read(&written.bytes, Encoding::Utf8), Ok(own));
        }
    }
}
