"""Quotient against its peers, over lakes that `quotient demo` makes.

    python bench/bench.py QUOTIENT FLOOR [--scales 0.1 0.5] [--times 5] [--metricflow PYTHON] [--metricflow-up-to 0.1] [--skip NAME ...] [--out bench/RESULTS.md]

In: the two programs; a Python that has dbt and MetricFlow for the peer of that name. This Python has the packages of bench/requirements.txt.
Out: a Markdown page with the times, their ratios and the memory of every contender; on stderr what is being done.
For each scale: a lake is made, every contender runs once, and all of its cells must equal Quotient's, or the bench stops. Only then are they
timed: whole processes, one after the other in turns, so that a slow minute of the machine is everybody's. The time of a contender is its best
one, and the spread is beside it. Files that all of them read have been read before.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
AS_OF = "2026-01-01"
THREE_YEARS = ["--from", "2023-01-01", "--to", "2026-01-01"]


class Contender:
    """A program that answers the job, or, as the floor, only reads for it."""

    def __init__(self, name, title, command, has_cells=True):
        self.name, self.title, self.command, self.has_cells = name, title, command, has_cells
        self.runs = []

    def run(self, lake, out):
        """Runs once over a lake into an empty folder; gives seconds, peak bytes and what it said."""
        shutil.rmtree(out, ignore_errors=True)
        environment = dict(os.environ, QUOTIENT_LAKE=str(lake), QUOTIENT_RESULTS=str(out))
        command = [str(part).format(lake=lake, out=out) for part in self.command]
        with tempfile.TemporaryFile() as said:
            began = time.monotonic()
            process = subprocess.Popen(command, stdout=said, stderr=subprocess.PIPE, env=environment, cwd=HERE.parent)
            complaint = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                sys.exit(f"{self.name} failed:\n{complaint.decode()[-4000:]}")
            said.seek(0)
            lines = said.read().decode().strip().splitlines()
        inside = json.loads(lines[-1]).get("seconds", {}) if lines and lines[-1].startswith("{") else {}
        return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "bytes": usage.ru_maxrss * 1024, "inside": inside}

    def best(self):
        return min(self.runs, key=lambda run: run["seconds"])


def contenders(options):
    """All that are asked for; Quotient is the first."""
    python, peers = sys.executable, HERE / "peers"
    quotient = [options.quotient, "run", HERE / "job.yml", "--as-of", AS_OF, "--quiet", "--format", "json"]
    everyone = [
        Contender("quotient", "Quotient, a run from nothing", quotient),
        Contender("floor", "the floor: decoding alone", [options.floor, "{lake}", HERE / "columns.txt"], has_cells=False),
        Contender("duckdb", "DuckDB by hand", [python, peers / "duckdb_by_hand.py", "{lake}", "{out}"]),
        Contender("polars", "Polars by hand, streaming", [python, peers / "polars_by_hand.py", "{lake}", "{out}"]),
        Contender("polars-in-memory", "Polars by hand, in memory", [python, peers / "polars_by_hand.py", "{lake}", "{out}", "--engine", "in-memory"]),
    ]
    if options.metricflow:
        everyone.append(Contender("metricflow", "dbt + MetricFlow + DuckDB", [options.metricflow, peers / "metricflow_on_duckdb.py", "{lake}", "{out}"]))
    return [each for each in everyone if each.name not in options.skip]


def say(text):
    print(text, file=sys.stderr, flush=True)


def make_lake(options, scale, lake):
    """Makes a lake; gives its order lines, the rows of all tables, and the bytes of its files."""
    say(f"scale {scale}: making the lake")
    command = [options.quotient, "demo", "--out", str(lake), "--scale", str(scale), *THREE_YEARS, "--quiet", "--format", "json"]
    tables = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    lines = next(table["rows"] for table in tables if table["table"] == "order_lines")
    return {"order lines": lines, "rows": sum(table["rows"] for table in tables), "bytes": sum(table["bytes"] for table in tables)}


def compare(running, lake, folder):
    """Runs everyone once; stops where cells differ."""
    for each in running:
        say(f"  {each.name}: cells")
        each.run(lake, folder / each.name)
        if each.has_cells and each is not running[0]:
            # A process of its own: its memory would count as that of the contenders, which start as copies of this one.
            comparing = subprocess.run([sys.executable, HERE / "cells.py", folder / running[0].name, folder / each.name], stdout=sys.stderr)
            if comparing.returncode != 0:
                sys.exit(f"{each.name} has other cells than Quotient")


def measure(options, scale, folder):
    """The contenders with their runs at one scale, the size of the lake, and the best time of a query."""
    lake = folder / "lake"
    size = make_lake(options, scale, lake)
    running = [each for each in contenders(options) if each.name != "metricflow" or scale <= options.metricflow_up_to]
    compare(running, lake, folder)
    query = [options.quotient, "query", "--metrics", "revenue", "--group-by", "metric_time__month,product__family", "--as-of", AS_OF, "--quiet"]
    asked = Contender("query", "`quotient query`: revenue by month and product family", query)
    for turn in range(options.times):
        for each in [*running, asked]:
            run = each.run(lake, folder / each.name)
            each.runs.append(run)
            say(f"  turn {turn + 1}, {each.name}: {run['seconds']:.2f} s")
    return size, [*running, asked]


def nightly(options, scale):
    """What `bench/nightly.py` says of the job at one scale."""
    say(f"scale {scale}: one new day")
    command = [sys.executable, HERE / "nightly.py", options.quotient, HERE / "job.yml", "--scale", str(scale), "--times-only"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE.parent).stdout.rstrip()


def table(rows):
    """Rows of texts as Markdown; the first one is the head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return lines


def page(options, measured):
    """What was measured, as Markdown."""
    processor = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), platform.machine())
    skipped = f" --skip {' '.join(options.skip)}" if options.skip else ""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        "# Results of the bench",
        "",
        f"Written by `bench/bench.py` on {datetime.date.today()}: {os.cpu_count()} cores ({processor}), {memory:.0f} GiB, {platform.system()} {platform.release()}.",
        f"Arguments: `--scales {' '.join(str(scale) for scale in options.scales)} --times {options.times}{skipped}`.",
        f"Each time is the best of {options.times} whole processes, run in turns, with the slowest in brackets; CPU and peak memory are those of the best one.",
        "`inside` is what a contender reports of its engine alone, without its start.",
        "All cells of all contenders were equal before they were timed.",
        "A ratio above 1 says how many times as long as Quotient a contender took.",
        "",
    ]
    for scale, (size, running, one_day) in measured.items():
        lines += [f"## {size['order lines']:,} order lines (scale {scale}; {size['rows']:,} rows of all tables, {size['bytes'] / 2**20:.0f} MiB of Parquet)", ""]
        ours = running[0].best()["seconds"]
        rows = [["contender", "seconds", "of Quotient's", "CPU seconds", "peak MiB", "inside, seconds"]]
        for each in running:
            best, slowest = each.best(), max(run["seconds"] for run in each.runs)
            inside = ", ".join(f"{part} {seconds:.2f}" for part, seconds in best["inside"].items())
            rows.append([each.title, f"{best['seconds']:.2f} ({slowest:.2f})", f"{best['seconds'] / ours:.2f}", f"{best['cpu']:.2f}", f"{best['bytes'] / 2**20:.0f}", inside])
        lines += [*table(rows), "", "One new day (`bench/nightly.py`, one run each):", "", "```text", one_day, "```", ""]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("quotient", type=pathlib.Path)
    parser.add_argument("floor", type=pathlib.Path)
    parser.add_argument("--scales", type=float, nargs="+", default=[0.1, 0.5])
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--metricflow", type=pathlib.Path, help="a Python that has dbt and MetricFlow")
    parser.add_argument("--metricflow-up-to", type=float, default=0.1, help="the largest scale that MetricFlow answers")
    parser.add_argument("--skip", nargs="*", default=[], help="names of contenders")
    parser.add_argument("--out", type=pathlib.Path, default=HERE / "RESULTS.md")
    options = parser.parse_args()
    options.quotient, options.floor = options.quotient.resolve(), options.floor.resolve()
    measured = {}
    for scale in options.scales:
        with tempfile.TemporaryDirectory() as folder:
            measured[scale] = (*measure(options, scale, pathlib.Path(folder)), nightly(options, scale))
    options.out.write_text(page(options, measured) + "\n")


if __name__ == "__main__":
    main()
