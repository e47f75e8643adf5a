"""Makes the inputs and the answers of the SQL conformance cases with DuckDB.

In: inputs.sql and cases/*.sql. Out: input/*.parquet and answers/*.csv, all beside this file.
Each case runs twice, over the inputs forwards and backwards; a case whose answer depends on that is refused.
"""

import datetime
import decimal
import math
import pathlib
import sys

import duckdb

HERE = pathlib.Path(__file__).parent
EPOCH = datetime.datetime(1970, 1, 1)

# Functions of our dialect that DuckDB knows under another name, or in another form.
MACROS = """
CREATE MACRO instant(text) AS CAST(text AS TIMESTAMP WITH TIME ZONE);
CREATE MACRO local_date(moment, zone) AS CAST(timezone(zone, moment) AS DATE);
CREATE MACRO local_timestamp(moment, zone) AS timezone(zone, moment);
CREATE MACRO local_midnight(day, zone) AS timezone(zone, CAST(day AS TIMESTAMP));
CREATE MACRO days_between(first, second) AS date_diff('day', first, second);
CREATE MACRO add_days(day, n) AS CAST(day + CAST(n AS INTEGER) AS DATE);
CREATE MACRO add_months(day, n) AS CAST(day + to_months(CAST(n AS INTEGER)) AS DATE);
CREATE MACRO round_half_even(x, digits) AS round_even(x, digits);
"""


def connect(order):
    """A database with every input under its plain name and in the schema `crm`."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 1; CREATE SCHEMA crm")
    connection.execute(MACROS)
    for path in sorted((HERE / "input").glob("*.parquet")):
        rows = f"SELECT * EXCLUDE file_row_number FROM read_parquet('{path}', file_row_number = true)"
        connection.execute(
            f"CREATE TABLE {path.stem} AS {rows} ORDER BY file_row_number {order}"
        )
        connection.execute(f"CREATE VIEW crm.{path.stem} AS FROM main.{path.stem}")
    return connection


def write_inputs():
    """Every table of inputs.sql as one Parquet file."""
    folder = HERE / "input"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.parquet"):
        old.unlink()
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
    connection.execute((HERE / "inputs.sql").read_text(encoding="utf-8"))
    for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall():
        connection.execute(f"COPY {name} TO '{folder / name}.parquet' (FORMAT parquet, COMPRESSION zstd)")


def text(value, kind):
    """One cell: null is empty, texts are quoted, instants are microseconds that become ISO text."""
    if value is None:
        return ""
    if kind.startswith("TIMESTAMP"):
        moment = EPOCH + datetime.timedelta(microseconds=value)
        return moment.isoformat() + ("Z" if kind == "TIMESTAMP WITH TIME ZONE" else "")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("an answer must be finite")
        return repr(value)
    if isinstance(value, (int, datetime.date)):
        return str(value)
    raise TypeError(f"no text for {kind}")


def answer(connection, sql):
    """The lines of the answer, header first."""
    connection.execute("CREATE OR REPLACE TEMP TABLE answer AS " + sql)
    columns = [row[:2] for row in connection.execute("DESCRIBE answer").fetchall()]
    if len(columns) < 2:
        raise ValueError("a case needs two columns: a line with one null would be empty")
    cells = [f'epoch_us("{name}")' if kind.startswith("TIMESTAMP") else f'"{name}"' for name, kind in columns]
    rows = connection.execute(f"SELECT {', '.join(cells)} FROM answer").fetchall()
    lines = [",".join(text(value, kind) for value, (_, kind) in zip(row, columns)) for row in rows]
    if not sql.startswith("-- ordered"):
        lines.sort()
    return [",".join(name for name, _ in columns)] + lines


def main():
    write_inputs()
    folder = HERE / "answers"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.csv"):
        old.unlink()
    forwards, backwards = connect("ASC"), connect("DESC")
    faults = 0
    for case in sorted((HERE / "cases").glob("*.sql")):
        sql = case.read_text(encoding="utf-8")
        try:
            lines = answer(forwards, sql)
            if lines != answer(backwards, sql):
                raise ValueError("the answer depends on the order of the input")
        except Exception as fault:
            print(f"{case.name}: {fault}", file=sys.stderr)
            faults += 1
            continue
        (folder / f"{case.stem}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
