"""The cost of a nightly run after one new day, against a run from nothing.

    python bench/nightly.py QUOTIENT JOB [--scale 0.05] [--from 2023-01-01] [--to 2026-01-01] [--times-only]

In: the program, a job file. Out: on stdout, seconds and bytes of both runs, their ratios, and whether the results are the same rows.
It makes a lake with `quotient demo`, holds the rows of the last day back, runs, lets them come as one file more of each table, and runs again
as of a day later; the run from nothing is over the same lake with the same as-of. It needs pyarrow and deltalake.
With --times-only the rows are not compared: at scale 3 sorting them takes more memory than the runs.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

# The time by which rows of each table come; other tables are there from the start.
EVENTS = {
    "activities": "occurred_at",
    "expenses": "incurred_on",
    "feedback": "submitted_at",
    "fx_rates": "valid_on",
    "lead_temperatures": "changed_at",
    "leads": "created_at",
    "opportunities": "created_at",
    "order_lines": "ordered_at",
    "stage_changes": "entered_at",
    "subscriptions": "started_on",
}
STAMPS = {"run_id", "computed_at"}


def hold_back(lake, day):
    """Takes the rows from a day on out of the lake; gives those of each table."""
    held = {}
    for table, column in EVENTS.items():
        late = []
        for path in sorted((lake / table).rglob("*.parquet")):
            rows = pq.ParquetFile(path).read()
            moment = pa.scalar(day, pa.date32()).cast(rows.schema.field(column).type)
            is_late = pc.fill_null(pc.greater_equal(rows[column], moment), False)
            if pc.any(is_late).as_py():
                late.append(rows.filter(is_late))
                pq.write_table(rows.filter(pc.invert(is_late)), path)
        if late:
            held[table] = pa.concat_tables(late)
    return held


def rows_of(results):
    """Every table that people read, as sorted rows without who wrote them and when."""
    tables = {}
    for folder in sorted(path for path in results.iterdir() if (path / "_delta_log").is_dir()):
        if folder.name in {"kpi_runs", "kpi_ledger", "kpi_restatements"}:
            continue
        table = deltalake.DeltaTable(str(folder)).to_pyarrow_table()
        table = table.drop_columns([name for name in table.column_names if name in STAMPS])
        tables[folder.name] = table.sort_by([(name, "ascending") for name in table.column_names])
    return tables


def arguments():
    """What a comparison of a night with a run from nothing is asked: the program, the job, how large the lake is and of which days."""
    parser = argparse.ArgumentParser()
    parser.add_argument("quotient")
    parser.add_argument("job")
    parser.add_argument("--scale", default="0.05")
    parser.add_argument("--from", dest="start", default="2023-01-01")
    parser.add_argument("--to", default="2026-01-01")
    return parser


def last_day(options):
    """The day that comes late."""
    return datetime.date.fromisoformat(options.to) - datetime.timedelta(days=1)


def main():
    parser = arguments()
    parser.add_argument("--times-only", action="store_true")
    options = parser.parse_args()
    day = last_day(options)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lake = folder / "lake"

        def call(*arguments, results="results"):
            env = {**os.environ, "QUOTIENT_LAKE": str(lake), "QUOTIENT_RESULTS": str(folder / results)}
            begun = time.perf_counter()
            said = subprocess.run([options.quotient, *arguments], env=env, check=True, capture_output=True, text=True)
            return time.perf_counter() - begun, said.stdout

        call("demo", "--out", str(lake), "--scale", options.scale, "--from", options.start, "--to", options.to)
        held = hold_back(lake, day)
        call("run", options.job, "--as-of", f"{day}T00:00:00Z")
        for table, rows in held.items():
            pq.write_table(rows, lake / table / "last-day.parquet")
        after = ("--as-of", f"{options.to}T00:00:00Z", "--format", "json")
        nightly, _ = call("run", options.job, *after)
        again, _ = call("run", options.job, *after)
        whole, _ = call("run", options.job, *after, results="whole")
        runs = {name: json.loads(call("runs", options.job, *after, results=name)[1])[0] for name in ("results", "whole")}
        same = "not compared"
        if not options.times_only:
            one, other = rows_of(folder / "results"), rows_of(folder / "whole")
            same = "yes" if one.keys() == other.keys() and all(one[name].equals(other[name]) for name in one) else "NO"
        lines = sum(pq.read_metadata(path).num_rows for path in (lake / "order_lines").rglob("*.parquet"))
        print(f"order lines                {lines:>12,}")
        print(f"from nothing               {whole:>12.2f} s {runs['whole']['bytes']:>14,} bytes")
        print(f"after one new day          {nightly:>12.2f} s {runs['results']['bytes']:>14,} bytes")
        print(f"ratio                      {nightly / whole:>12.1%}   {runs['results']['bytes'] / runs['whole']['bytes']:>14.1%}")
        print(f"nothing to do              {again:>12.2f} s")
        print(f"the same rows              {same}")


if __name__ == "__main__":
    main()
