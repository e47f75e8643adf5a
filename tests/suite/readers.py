"""Other readers of the result tables: deltalake, Polars and DuckDB must agree on every one.

    python tests/suite/readers.py RESULTS

In: the folder of the results. Out: for each table its name, Delta version and rows, one line on stdout; the exit status is 1
if the readers differ in row counts or in the sum of a numeric column, and the differences are on stderr.
DuckDB reads through the pyarrow dataset of deltalake: its delta extension would have to be downloaded.
"""

import decimal
import pathlib
import sys

import deltalake
import duckdb
import polars
import pyarrow
import pyarrow.types


def exact(value):
    """A sum as something that is compared: integers and decimals exactly, floats to twelve digits."""
    if value is None:
        return None
    if isinstance(value, float):
        return float(f"{value:.12g}")
    return decimal.Decimal(value)


def numbers(schema):
    """The columns to add up; their names and whether they are floats."""
    for field in schema:
        kind = field.type
        if pyarrow.types.is_integer(kind) or pyarrow.types.is_decimal(kind) or pyarrow.types.is_floating(kind):
            yield field.name, pyarrow.types.is_floating(kind)


def by_deltalake(table):
    """Rows and sums in plain Python over what deltalake reads."""
    rows = table.to_pyarrow_table()
    sums = {}
    for name, is_float in numbers(rows.schema):
        values = [value for value in rows.column(name).to_pylist() if value is not None]
        sums[name] = exact(sum(values, 0.0 if is_float else 0)) if values else None
    return rows.num_rows, sums


def by_polars(path, columns):
    """Rows and sums as Polars says."""
    frame = polars.read_delta(str(path))
    sums = {}
    for name, _ in columns:
        column = frame.get_column(name)
        sums[name] = exact(column.sum()) if column.null_count() < len(column) else None
    return frame.height, sums


def by_duckdb(table, columns):
    """Rows and sums as DuckDB says, of what deltalake hands to it."""
    connection = duckdb.connect()
    connection.register("rows", table.to_pyarrow_dataset())
    wanted = ["count(*)"] + [f'sum("{name}")' for name, _ in columns]
    found = connection.execute(f"SELECT {', '.join(wanted)} FROM rows").fetchone()
    return found[0], {name: exact(value) for (name, _), value in zip(columns, found[1:])}


def main():
    faults = 0
    folders = sorted(path for path in pathlib.Path(sys.argv[1]).iterdir() if (path / "_delta_log").is_dir())
    for path in folders:
        table = deltalake.DeltaTable(str(path))
        first = by_deltalake(table)
        columns = list(numbers(table.to_pyarrow_dataset().schema))
        for reader, other in (("polars", by_polars(path, columns)), ("duckdb", by_duckdb(table, columns))):
            if first[0] != other[0]:
                print(f"{path.name}: deltalake has {first[0]} rows, {reader} {other[0]}", file=sys.stderr)
                faults += 1
            for name, _ in columns:
                if not agree(first[1][name], other[1][name]):
                    print(f"{path.name}.{name}: deltalake sums to {first[1][name]}, {reader} to {other[1][name]}", file=sys.stderr)
                    faults += 1
        print(path.name, table.version(), first[0])
    if not folders:
        print("there are no result tables", file=sys.stderr)
    sys.exit(1 if faults or not folders else 0)


def agree(one, other):
    """Whether two sums are the same; floats are added up in another order by each reader."""
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-9 * max(abs(one), abs(other), 1e-3)
    return one == other


if __name__ == "__main__":
    main()
