"""Whether the SQL that is compiled for Spark gives our numbers.

    python tests/spark/answers.py QUOTIENT PROJECT LAKE [METRIC...] [--whole]

In: the program, a project, a lake, and a Python with pyspark 4. Asked is what `tests/suite/compile.rs` asks of DuckDB:
every public metric (or those that are named) by month, in total and by the first dimension that it has of the usual ones.
Out: a line for each difference: metric, question, row, expected, found; then how many questions passed and failed.
What `compile` says that it does not write is named, and not counted. The exit status is 1 if any failed.

The CTEs of a statement are run one after the other, each once for all questions that share it.
With --whole every statement is run as it stands: Spark puts CTEs in the place of their names, and takes many times as long.
"""

import argparse
import concurrent.futures
import decimal
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

AS_OF = "2026-01-01"
MONTH = "metric_time__month"
DIMENSIONS = ("rep__team", "product__family", "customer__segment", "lead__source")
# As in tests/suite/compile.rs and tests/harness/cell.rs.
TOLERANCE = 1e-9
NEAR_ZERO = 1e-12

# How `compile` says that it has no SQL for something.
REFUSAL = "`compile` does not write"

# One CTE of a statement; it ends where the next begins, or the rows.
CTE = re.compile(r"`([^`]+)` AS \(\n(.*?)\n\)(?:,\n(?=`[^`]+` AS \(\n)|\n(?=SELECT)(?!.*\n`[^`]+` AS \(\n))", re.DOTALL)

SETTINGS = {
    "spark.driver.memory": "2g",
    # Nothing is written there, but Spark makes the folder.
    "spark.sql.warehouse.dir": tempfile.gettempdir(),
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # For small rows and large plans: none of these decides a value.
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}


class Program:
    """The program over a project and a lake."""

    def __init__(self, binary, project, lake):
        self.call = [binary, "--project", project, "--as-of", AS_OF, "--quiet"]
        self.environment = {**os.environ, "QUOTIENT_LAKE": str(pathlib.Path(lake).resolve())}

    def __call__(self, *arguments):
        """What it says on stdout; raises CalledProcessError."""
        return subprocess.run([*self.call, *arguments], env=self.environment, capture_output=True, encoding="utf-8", check=True).stdout

    def metrics(self):
        """The metrics that may be asked for."""
        metrics = json.loads(self("--format", "metricflow", "export"))["metrics"]
        return [metric["name"] for metric in metrics if not metric["type_params"]["is_private"]]

    def dimension(self, metric):
        """A dimension that a metric can be grouped by: of the usual ones, or the first that is no time."""
        items = json.loads(self("--format", "json", "explain", metric))["group_by"]
        usual = [item for item in DIMENSIONS if item in items]
        others = [item for item in items if "__" in item and not item.endswith(("_at", "_on"))]
        return next(iter(usual + others), None)

    def compile(self, metric, group_by):
        """The statement for Spark."""
        return self("compile", "--dialect", "spark", "--group-by", ",".join(group_by), metric)

    def query(self, metric, group_by):
        """Our answer: rows by their keys. A decimal is a text, a double has a point."""
        return keyed(json.loads(self("--format", "json", "query", "--metrics", metric, "--group-by", ",".join(group_by))), group_by)


class Spark:
    """One local session, with Spark's own defaults for all that decides a value."""

    def __init__(self):
        builder = SparkSession.builder.master("local[2]").appName("answers")
        for name, value in SETTINGS.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("OFF")
        # CTEs that have been computed: text and what the names in it are, to number and rows.
        self.known = {}

    def whole(self, sql):
        """The rows of a statement."""
        return self.session.sql(sql)

    def pieces(self, sql):
        """The rows of a statement, from its CTEs in their order."""
        numbers, end = {}, sql.index("WITH\n")
        for cte in CTE.finditer(sql, end):
            name, body = cte.groups()
            key = (body, tuple((other, number) for other, number in numbers.items() if f"`{other}`" in body))
            if key not in self.known:
                self.known[key] = len(self.known), self.session.sql(body).localCheckpoint()
            numbers[name], rows = self.known[key]
            rows.createOrReplaceTempView(name)
            end = cte.end()
        return self.session.sql(sql[end:])


def keyed(rows, group_by):
    """Rows by the texts of their keys."""
    found = {tuple(str(row[item]) for item in group_by): row for row in rows}
    if len(found) != len(rows):
        raise ValueError(f"expected a row for each key, found {len(rows)} rows for {len(found)} keys")
    return found


def agrees(expected, found):
    """Whether a value is the expected one: exactly, or for doubles within the tolerance."""
    if expected is None or found is None:
        return expected is found
    if isinstance(expected, float):
        return isinstance(found, float) and abs(expected - found) <= max(NEAR_ZERO, TOLERANCE * max(abs(expected), abs(found)))
    if isinstance(expected, str):
        return isinstance(found, decimal.Decimal) and decimal.Decimal(expected) == found
    return type(expected) is type(found) and expected == found


def differences(metric, expected, found):
    """What is different of a metric: row, expected, found."""
    for key in sorted(expected.keys() | found.keys()):
        ours = expected[key][metric] if key in expected else "no row"
        theirs = found[key][metric] if key in found else "no row"
        if "no row" in (ours, theirs) or not agrees(ours, theirs):
            yield key, ours, theirs


def asked(program, question):
    """The statement for a question and our answer; without a statement, what the program says instead."""
    metric, group_by = question
    try:
        return program.compile(metric, group_by), program.query(metric, group_by)
    except subprocess.CalledProcessError as error:
        return None, " ".join(error.stderr.split())[:400]


def faults(question, run, sql, expected):
    """What is wrong with the answer to a question, a line each."""
    metric, group_by = question
    try:
        found = keyed([row.asDict() for row in run(sql).collect()], group_by)
    except (PySparkException, ValueError) as error:
        return [" ".join(str(error).split())[:400]]
    return [f"{place(group_by, key)} expected {ours}, found {theirs}" for key, ours, theirs in differences(metric, expected, found)]


def place(group_by, key):
    """A row in words."""
    return "{" + ", ".join(f"{item}: {value}" for item, value in zip(group_by, key)) + "}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("quotient", "project", "lake"):
        parser.add_argument(name)
    parser.add_argument("metrics", nargs="*")
    parser.add_argument("--whole", action="store_true", help="run every statement as it stands")
    arguments = parser.parse_args()
    started = time.monotonic()
    program = Program(arguments.quotient, arguments.project, arguments.lake)
    spark = Spark()
    run = spark.whole if arguments.whole else spark.pieces
    passed = failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        metrics = arguments.metrics or program.metrics()
        questions = [(metric, (MONTH,)) for metric in metrics]
        questions += [(metric, (MONTH, dimension)) for metric, dimension in zip(metrics, pool.map(program.dimension, metrics)) if dimension]
        # The program answers the next questions while Spark is at this one.
        for question, (sql, expected) in zip(questions, pool.map(lambda question: asked(program, question), questions)):
            name = f"{question[0]} by {', '.join(question[1])}"
            if sql is None and REFUSAL in expected:
                print(f"not compiled: {name}: {expected}", flush=True)
                continue
            wrong = [expected] if sql is None else faults(question, run, sql, expected)
            passed, failed = passed + (not wrong), failed + bool(wrong)
            for text in wrong:
                print(f"{name}: {text}", flush=True)
    spark.session.stop()
    print(f"{passed} passed, {failed} failed, in {(time.monotonic() - started) / 60:.1f} minutes")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
