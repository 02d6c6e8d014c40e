//! Parquet, out and in again: every column is text and none of its cells is missing; nothing says when it was made.
//!
//! Types are not guessed: `007` stays three characters. What was written is read again and must be the table that was given.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical, ZstdLevel};
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::table::{Column, Table};

/// Rows that are written together; what they take is all that is in memory of the file's columns.
const GROUP_ROWS: usize = 65_536;

/// What the file says that it holds.
const NAME: &str = "extract";

/// Why there is no Parquet file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ParquetProblem {
    /// The writer failed.
    #[error("the table cannot be written as Parquet: hand over CSV")]
    Failed,
    /// What was written is not what was to be written.
    #[error("the Parquet file that was written does not hold what the table holds: nothing is handed over")]
    Changed,
    /// A file that is not of this kind.
    #[error("the file is no Parquet file that Kura wrote")]
    Unreadable,
}

/// Writes a table, and reads it back.
pub fn write_parquet(table: &Table) -> Result<Vec<u8>, ParquetProblem> {
    let bytes = written(table).map_err(|_| ParquetProblem::Failed)?;
    if read_parquet(&bytes).is_ok_and(|back| back == *table) {
        Ok(bytes)
    } else {
        Err(ParquetProblem::Changed)
    }
}

fn written(table: &Table) -> Result<Vec<u8>, ParquetError> {
    let field = |column: &Column| {
        let field = Type::primitive_type_builder(&column.name, Physical::BYTE_ARRAY);
        let field = field.with_repetition(Repetition::REQUIRED).with_logical_type(Some(LogicalType::String));
        field.build().map(Arc::new)
    };
    let fields = table.columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Type::group_type_builder(NAME).with_fields(fields).build()?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by("Kura".to_owned())
        .set_statistics_enabled(EnabledStatistics::None)
        .build();
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(properties))?;
    let rows = table.rows();
    for first in (0..rows).step_by(GROUP_ROWS) {
        let mut group = file.next_row_group()?;
        for column in &table.columns {
            let texts = (first..rows.min(first + GROUP_ROWS)).map(|row| ByteArray::from(column.text(row)));
            let Some(mut out) = group.next_column()? else { break };
            out.typed::<ByteArrayType>().write_batch(&texts.collect::<Vec<_>>(), None, None)?;
            out.close()?;
        }
        group.close()?;
    }
    file.close()?;
    Ok(bytes)
}

/// Reads a file that [`write_parquet`] wrote.
pub fn read_parquet(bytes: &[u8]) -> Result<Table, ParquetProblem> {
    read(bytes).map_err(|_| ParquetProblem::Unreadable)
}

fn read(bytes: &[u8]) -> Result<Table, ParquetError> {
    let foreign = || ParquetError::General("another kind of file".to_owned());
    let file = SerializedFileReader::new(Bytes::copy_from_slice(bytes))?;
    let schema = file.metadata().file_metadata().schema_descr_ptr();
    let mut table = Table::default();
    for column in schema.columns() {
        if column.physical_type() != Physical::BYTE_ARRAY || column.max_def_level() != 0 {
            return Err(foreign());
        }
        table.columns.push(Column::new(column.name()));
    }
    for group in 0..file.num_row_groups() {
        let group = file.get_row_group(group)?;
        let rows = usize::try_from(group.metadata().num_rows()).map_err(|_| foreign())?;
        // A file that claims more is not one of ours, and its texts would fill the memory.
        if rows > GROUP_ROWS {
            return Err(foreign());
        }
        for (place, column) in table.columns.iter_mut().enumerate() {
            let mut reader = get_typed_column_reader::<ByteArrayType>(group.get_column_reader(place)?);
            let mut texts = Vec::new();
            let (records, _, _) = reader.read_records(rows, None, None, &mut texts)?;
            if records != rows {
                return Err(foreign());
            }
            for text in &texts {
                column.push(text.as_utf8()?);
            }
        }
    }
    Ok(table)
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
    fn what_looks_like_a_number_stays_text_and_nothing_says_when_it_was_made() {
        let made = table(&["007", "1E5", "2024-04-01", "=1+1", "", "a\"b,c\nd", "髙﨑𠮷田"]);
        let bytes = write_parquet(&made).expect("is written");
        assert_eq!(read_parquet(&bytes), Ok(made.clone()));
        assert_eq!(write_parquet(&made).expect("again"), bytes);
    }

    #[test]
    fn more_rows_than_a_group_are_all_there() {
        let texts: Vec<String> = (0..GROUP_ROWS + 5).map(|row| format!("{row}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let made = table(&texts);
        assert_eq!(read_parquet(&write_parquet(&made).expect("is written")), Ok(made));
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let whole = write_parquet(&table(&["a", "b"])).expect("is written");
        for bytes in [&b"PAR1"[..], b"", b"a,b\r\n", &whole[..whole.len() - 3]] {
            assert_eq!(read_parquet(bytes), Err(ParquetProblem::Unreadable));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(cells in proptest::collection::vec("\\PC{0,8}", 1..6)) {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let made = table(&cells);
            prop_assert_eq!(read_parquet(&write_parquet(&made).expect("is written")), Ok(made));
        }
    }
}
