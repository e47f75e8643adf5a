"""Years of daily loads, replayed day by day with late rows, against one run at the end.

    python bench/replay.py QUOTIENT [--days 1000] [--scale 0.002]

In: the program. Out: on stdout, seconds of early and of late runs, sizes, and whether the results are the same rows.
Orders and deals come as a file a day; one row in thirty comes up to twenty days late. Every day there is a run as of its end.
It needs pyarrow and deltalake.
"""

import argparse
import datetime
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightly import rows_of

JOB = """
name: replay
results: "{{ env_var('QUOTIENT_RESULTS') }}"
tables:
  - {name: sales, metrics: [revenue, orders, revenue_growth_yoy, revenue_ytd], slices: [[], [order_line__channel]]}
  - {name: deals, metrics: [won_deals, win_rate, sales_cycle_days_median], slices: [[], [opportunity__kind]]}
"""
# What comes day by day, by the time at which a row is known.
EVENTS = {"order_lines": "ordered_at", "opportunities": "closed_at"}


def days_of(lake, table, column, start):
    """The rows of a table by the day on which they come, from 0; those without a time come on the first."""
    rows = pa.concat_tables([pq.ParquetFile(path).read() for path in sorted((lake / table).rglob("*.parquet"))])
    begin = pa.scalar(datetime.datetime.combine(start, datetime.time(), datetime.timezone.utc), rows.schema.field(column).type)
    days = pc.fill_null(pc.days_between(begin, rows[column]), 0).to_pylist()
    dice = random.Random(7)
    come = [max(0, day) + (dice.randint(1, 20) if dice.random() < 1 / 30 else 0) for day in days]
    by_day = {}
    for row, day in enumerate(come):
        by_day.setdefault(day, []).append(row)
    return {day: rows.take(list_of_rows) for day, list_of_rows in by_day.items()}


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("quotient")
    parser.add_argument("--days", type=int, default=1000)
    parser.add_argument("--scale", default="0.002")
    options = parser.parse_args()
    start = datetime.date(2023, 1, 1)
    end = start + datetime.timedelta(days=options.days)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lake, job = folder / "lake", folder / "job.yml"
        job.write_text(JOB)

        def call(*arguments, results="results"):
            env = {**os.environ, "QUOTIENT_LAKE": str(lake), "QUOTIENT_RESULTS": str(folder / results)}
            begun = time.perf_counter()
            subprocess.run([options.quotient, *arguments], env=env, check=True, capture_output=True)
            return time.perf_counter() - begun

        call("demo", "--out", str(lake), "--scale", options.scale, "--from", str(start), "--to", str(end))
        loads = {table: days_of(lake, table, column, start) for table, column in EVENTS.items()}
        for table in EVENTS:
            for path in (lake / table).rglob("*.parquet"):
                path.unlink()
            # A table needs a file: the first load is there from the start.
            first = min(loads[table])
            pq.write_table(loads[table].pop(first), lake / table / "start.parquet")
        seconds = []
        for day in range(options.days + 21):
            for table, load in loads.items():
                if day in load:
                    pq.write_table(load[day], lake / table / f"day-{day:04}.parquet")
            seconds.append(call("run", str(job), "--as-of", f"{start + datetime.timedelta(days=day + 1)}T00:00:00Z"))
        last = ("--as-of", f"{start + datetime.timedelta(days=options.days + 21)}T00:00:00Z")
        again = call("run", str(job), *last)
        whole = call("run", str(job), *last, results="whole")
        read = {}
        for name in ("results", "whole"):
            env = {**os.environ, "QUOTIENT_LAKE": str(lake), "QUOTIENT_RESULTS": str(folder / name)}
            said = subprocess.run([options.quotient, "runs", str(job), "--format", "json"], env=env, check=True, capture_output=True, text=True)
            read[name] = json.loads(said.stdout)[0]["bytes"]
        one, other = rows_of(folder / "results"), rows_of(folder / "whole")
        differ = [name for name in other if name not in one or not one[name].equals(other[name])]
        commits = len(list((folder / "results" / "kpi_ledger" / "_delta_log").glob("*.json")))
        before = size_of(folder / "results")
        mean = lambda some: sum(some) / len(some)
        print(f"runs                       {len(seconds):>10}")
        print(f"entries in the ledger's log{commits:>10}")
        print(f"seconds of runs 10 to 30   {mean(seconds[10:30]):>10.2f}")
        print(f"seconds of the last 20     {mean(seconds[-20:]):>10.2f}")
        print(f"seconds from nothing       {whole:>10.2f}, of which the last 20 took {mean(seconds[-20:]) / whole:.1%}")
        print(f"bytes of the last          {read['results']:>10,} of {read['whole']:,}, {read['results'] / read['whole']:.1%}")
        print(f"nothing to do              {again:>10.2f}")
        print(f"results                    {before:>10,} bytes, of them the last versions {size_of(folder / 'whole'):,}")
        print(f"the same rows              {'yes' if not differ else 'NO: ' + ', '.join(differ)}")


if __name__ == "__main__":
    main()
