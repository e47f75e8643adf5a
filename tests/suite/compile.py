"""Runs compiled statements with DuckDB.

    python tests/suite/compile.py FOLDER

In: a folder of files NAME.sql, one statement each. Out: beside each its rows as NAME.csv with a header; null is an empty field.
A statement that fails leaves NAME.error with what DuckDB said instead.
"""

import csv
import datetime
import pathlib
import sys

import duckdb


def field(value):
    """A value as the text that the test reads; floats keep all digits."""
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    return str(value)


def main(folder):
    for statement in sorted(pathlib.Path(folder).glob("*.sql")):
        # A database of its own: after an internal error DuckDB answers nothing more.
        connection = duckdb.connect()
        # Another time zone than the project's and the machine's: statements may depend on neither.
        connection.execute("SET TimeZone = 'America/New_York'; SET threads = 1")
        try:
            answer = connection.execute(statement.read_text(encoding="utf-8"))
            rows = answer.fetchall()
        except duckdb.Error as error:
            statement.with_suffix(".error").write_text(str(error), encoding="utf-8")
            continue
        with statement.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([column[0] for column in answer.description])
            writer.writerows([field(value) for value in row] for row in rows)


if __name__ == "__main__":
    main(sys.argv[1])
