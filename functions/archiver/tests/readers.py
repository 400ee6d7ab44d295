"""Reads Parquet files with DuckDB and with pyarrow, and prints what each finds: rows, and of each column the least and the
greatest value and a checksum over all values in the order of `id`, as JSON. Null is the text `null`."""

import hashlib
import json
import sys
import uuid

import duckdb
import pyarrow
import pyarrow.parquet

COLUMNS = ["id", "actor", "action", "metadata", "ip", "amount", "created_at"]


def summary(columns):
    """What stands for the columns of one reader: `columns` maps a name to its values as texts, ordered by id."""
    return {
        name: {
            "least": min(values),
            "greatest": max(values),
            "checksum": hashlib.md5(",".join(values).encode()).hexdigest(),
        }
        for name, values in columns.items()
    }


def by_duckdb(files):
    texts = {name: f'coalesce("{name}"::varchar, \'null\')' for name in COLUMNS}
    texts["created_at"] = "epoch_us(created_at)::varchar"
    fields = ", ".join(f'{text} as "{name}"' for name, text in texts.items())
    rows = duckdb.execute(
        f"select {fields} from (select * from read_parquet($1, hive_partitioning = false)) order by id", [files]
    ).fetchall()
    return len(rows), summary({name: [row[n] for row in rows] for n, name in enumerate(COLUMNS)})


def text(name, value):
    if value is None:
        return "null"
    if name == "id":
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=value))
    return str(value)


def by_pyarrow(files):
    table = pyarrow.concat_tables([pyarrow.parquet.ParquetFile(file).read() for file in files])
    columns = {}
    for name in COLUMNS:
        column = table[name]
        if name == "created_at":
            column = column.cast(pyarrow.int64())
        columns[name] = [text(name, value) for value in column.to_pylist()]
    order = sorted(range(table.num_rows), key=lambda row: columns["id"][row])
    return table.num_rows, summary({name: [values[row] for row in order] for name, values in columns.items()})


def main():
    files = sys.argv[1:]
    found = {}
    for name, read in (("duckdb", by_duckdb), ("pyarrow", by_pyarrow)):
        rows, columns = read(files)
        found[name] = {"rows": rows, "columns": columns}
    print(json.dumps(found))


main()
