"""Whether two folders of result tables have the same cells.

    python bench/cells.py RESULTS OTHER [TABLE ...]

In: RESULTS, a folder of Delta tables that `quotient run bench/job.yml` wrote; OTHER, a folder with `<table>.parquet` of a peer, whose
columns are `grain`, `slice`, `period_start`, the table's dimensions and metrics (bench/README.md). Out: on stdout one line per table, and the
first cells that differ; the exit code is 1 where any does.
A cell is equal where both are null, integers and decimals are the same to the last digit, and doubles are within 1e-9 of each other, relatively.
A row whose metrics are all null is no cell: engines differ in whether they write it.
"""

import argparse
import pathlib
import sys

import deltalake
import duckdb
import yaml

JOB = pathlib.Path(__file__).with_name("job.yml")
KEYS = ["grain", "slice", "period_start"]
TOLERANCE = 1e-9


def tables_of_job():
    """Name, dimensions and metrics of every table of the job, in its order."""
    for table in yaml.safe_load(JOB.read_text())["tables"]:
        dimensions = list(dict.fromkeys(name for each in table["slices"] for name in each))
        yield table["name"], dimensions, table["metrics"]


def differences(results, other, table, dimensions, metrics):
    """How many rows there are, how many differ, and the first of those."""
    with duckdb.connect() as connection:
        connection.register("ours", deltalake.DeltaTable(str(results / table)).to_pyarrow_dataset())
        theirs = f"read_parquet('{other / f'{table}.parquet'}')"
        keys = KEYS + dimensions
        some = " OR ".join(f"{metric} IS NOT NULL" for metric in metrics)
        for name, source in (("a", "ours"), ("b", theirs)):
            texts = ", ".join(f"CAST({key} AS VARCHAR) AS {key}" for key in keys)
            connection.execute(f"CREATE TEMP TABLE {name} AS SELECT {texts}, {', '.join(metrics)} FROM {source} WHERE {some}")
        kinds = dict(connection.execute("SELECT column_name, column_type FROM (DESCRIBE a)").fetchall())
        on = " AND ".join(f"a.{key} IS NOT DISTINCT FROM b.{key}" for key in keys)
        differing = [difference(metric, kinds[metric]) for metric in metrics]
        both = f"FROM a FULL JOIN b ON {on} WHERE a.grain IS NULL OR b.grain IS NULL OR {' OR '.join(differing)}"
        rows = connection.execute("SELECT count(*) FROM a").fetchone()[0]
        wrong = connection.execute(f"SELECT count(*) {both}").fetchone()[0]
        first = connection.execute(f"SELECT a, b {both} LIMIT 3").fetchall() if wrong else []
    return rows, wrong, first


def difference(metric, kind):
    """The SQL condition that a metric's two cells differ."""
    a, b = f"a.{metric}", f"b.{metric}"
    if kind != "DOUBLE":
        return f"{a} IS DISTINCT FROM {b}"
    return f"(({a} IS NULL) <> ({b} IS NULL) OR abs({a} - {b}) > {TOLERANCE} * greatest(abs({a}), abs({b})))"


def same_cells(results, other, names):
    """Compares these tables, or all, and says on stdout what differs; gives whether all are the same."""
    same = True
    for table, dimensions, metrics in tables_of_job():
        if names and table not in names:
            continue
        rows, wrong, first = differences(results, other, table, dimensions, metrics)
        print(f"{table}: {rows} rows, {wrong} differ")
        for ours, theirs in first:
            print(f"  ours  {ours}\n  other {theirs}")
        same = same and wrong == 0 and rows > 0
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("other", type=pathlib.Path)
    parser.add_argument("tables", nargs="*")
    options = parser.parse_args()
    sys.exit(0 if same_cells(options.results, options.other, options.tables) else 1)


if __name__ == "__main__":
    main()
