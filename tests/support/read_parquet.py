"""Reads a Parquet file with pyarrow: every column must be required text. Prints the names, then the rows, apart by tabs."""

import sys

import pyarrow
import pyarrow.parquet

table = pyarrow.parquet.read_table(sys.argv[1])
for field in table.schema:
    assert field.type == pyarrow.string() and not field.nullable, field
print("\t".join(table.column_names))
for row in table.to_pylist():
    print("\t".join(row.values()))
