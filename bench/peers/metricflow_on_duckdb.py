"""The cells of the bench from the very same definitions: dbt builds the models, MetricFlow writes the SQL, DuckDB runs it.

    VENV/bin/python bench/peers/metricflow_on_duckdb.py LAKE OUT

In: LAKE, a folder of Parquet for each table of the lake; the project in jobs/ and the job in bench/job.yml.
Out: OUT/<table>.parquet for each table of the job (bench/README.md), and on stdout one line of JSON:
{"seconds": {"models": s, "queries": s, "planning": s}, "queries": n}.
`models` is the time dbt spent executing models, without parsing and compiling.
`queries` is the time from the first query to the last table written, all inside DuckDB.
`planning` is the time in which MetricFlow writes the SQL, once its modules are loaded.
VENV has dbt 1.12, dbt-duckdb and dbt-metricflow.

What makes it fast: SQL is written first, so that dbt builds only the models that it reads.
One query answers all metrics of a table, slice and grain, which lets MetricFlow read a fact once for the metrics that share it.
Two queries run at a time, as most are too small for two threads.
Models run one after the other, each on both threads: two at a time take as long, and the sum of their times would count a second twice.
"""

import argparse
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import dbt_metricflow.cli.cli_configuration  # noqa: F401  Loading it is no planning.
import duckdb
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "conformance" / "metricflow"))

from answers import build, metricflow_sql, restore_fills  # noqa: E402

THREADS = 2
# Queries that run at a time. Many a query has too few rows to keep two threads busy.
SESSIONS = 2
# MetricFlow's SQL names the database's catalog, which is the stem of its file.
DATABASE = "peer.duckdb"


class Part(NamedTuple):
    """A slice of a table on one grain: what one query answers."""

    table: str
    grain: str
    slice: list
    metrics: list
    dimensions: list


def parts_of_job():
    """Every part of the job: its tables in their order, the parts of a table next to each other."""
    job = yaml.safe_load((ROOT / "bench" / "job.yml").read_text())
    parts = []
    for table in job["tables"]:
        dimensions = list(dict.fromkeys(name for each in table["slices"] for name in each))
        grains = table.get("periods", job["periods"])["grains"]
        parts += [Part(table["name"], grain, each, table["metrics"], dimensions) for each in table["slices"] for grain in grains]
    return parts


def copy_project(folder):
    """A copy of the project and a profile that runs one model at a time; gives both folders and the settings."""
    project, profiles = folder / "jobs", folder / "profiles"
    shutil.copytree(ROOT / "jobs", project, ignore=shutil.ignore_patterns("target", "logs"))
    settings = yaml.safe_load((project / "dbt_project.yml").read_text())
    profile = yaml.safe_load((project / "profiles.yml").read_text())
    output = profile[settings["profile"]]["outputs"]["duckdb"]
    output["threads"] = 1
    output["settings"]["threads"] = THREADS
    profiles.mkdir()
    (profiles / "profiles.yml").write_text(yaml.safe_dump(profile))
    return project, profiles, settings


def write_sql(project, profiles, parts):
    """MetricFlow's SQL for every part, and the seconds that it took."""
    # MetricFlow opens the profile's database and keeps it: it gets an empty one, so that dbt can open that of the models.
    database = project.parent / "planning" / DATABASE
    database.parent.mkdir()
    os.environ.update(QUOTIENT_DUCKDB=str(database), DBT_SEND_ANONYMOUS_USAGE_STATS="false")
    # The models go to another database: dbt 1.12 may find metrics twice where it parses only what has changed.
    os.environ["DBT_PARTIAL_PARSE"] = "false"
    dbt = pathlib.Path(sys.executable).with_name("dbt")
    subprocess.run([str(dbt), "parse", "--quiet", "--profiles-dir", str(profiles)], cwd=project, check=True)
    restore_fills(project)
    questions = [(str(number), part.metrics, [f"metric_time__{part.grain}", *part.slice], []) for number, part in enumerate(parts)]
    begun = time.perf_counter()
    written = metricflow_sql(project, profiles, questions)
    return [sql for *_, sql in written], time.perf_counter() - begun


def select_models(project, queries):
    """Make the models that the queries read, and those behind them, all that `dbt run` builds."""
    schema = f'"{pathlib.Path(DATABASE).stem}"."main".'
    names = sorted({name for sql in queries for name in re.findall(re.escape(schema) + r'"(\w+)"', sql)})
    selector = {"name": "read_by_queries", "default": True, "definition": {"union": [f"+{name}" for name in names]}}
    (project / "selectors.yml").write_text(yaml.safe_dump({"selectors": [selector]}))


def seconds_of_models(project):
    """The seconds that dbt spent executing models in its last run."""
    results = json.loads((project / "target" / "run_results.json").read_text())["results"]
    steps = [step for result in results for step in result["timing"] if step["name"] == "execute"]
    instant = datetime.datetime.fromisoformat
    return sum((instant(step["completed_at"]) - instant(step["started_at"])).total_seconds() for step in steps)


def rows_of(part, sql):
    """SQL for the rows of a part in the form of the bench."""
    dimensions = [
        f"COALESCE(CAST({name} AS VARCHAR), '(none)') AS {name}" if name in part.slice else f"CAST(NULL AS VARCHAR) AS {name}"
        for name in part.dimensions
    ]
    columns = [
        f"'{part.grain}' AS grain",
        f"'{', '.join(part.slice) or 'total'}' AS slice",
        f"CAST(metric_time__{part.grain} AS DATE) AS period_start",
        *dimensions,
        *part.metrics,
    ]
    return f"SELECT {', '.join(columns)} FROM ({sql})"


def kind_in_bench(kind):
    """The type that the bench wants for a column that DuckDB gives as `kind`."""
    if kind.startswith("DECIMAL"):
        return "DECIMAL(38, 6)"
    return kind if kind in ("DATE", "DOUBLE", "VARCHAR") else "BIGINT"


def write_table(connection, sources, path):
    """Write one file of the rows of all sources."""
    kinds = connection.execute(f"SELECT column_name, column_type FROM (DESCRIBE {sources[0]})").fetchall()
    columns = ", ".join(f"CAST({name} AS {kind_in_bench(kind)}) AS {name}" for name, kind in kinds)
    rows = " UNION ALL ".join(f"FROM {source}" for source in sources)
    connection.execute(f"COPY (SELECT {columns} FROM ({rows})) TO '{path}' (FORMAT parquet)")


def answer(connection, parts, queries, out):
    """Run every query and write every table."""
    connection.execute("ATTACH ':memory:' AS answers")
    sources = [f"answers.part_{number}" for number in range(len(parts))]

    def fill(source, part, sql):
        connection.cursor().execute(f"CREATE TABLE {source} AS {rows_of(part, sql)}")

    with ThreadPoolExecutor(SESSIONS) as sessions:
        # The list is there to raise what a query raised.
        list(sessions.map(fill, sources, parts, queries))
    tables = {}
    for part, source in zip(parts, sources, strict=True):
        tables.setdefault(part.table, []).append(source)
    for table, of_table in tables.items():
        write_table(connection, of_table, out / f"{table}.parquet")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    arguments = parser.parse_args()
    lake, out = arguments.lake.resolve(), arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.environ["QUOTIENT_LAKE"] = str(lake)
    parts = parts_of_job()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        project, profiles, settings = copy_project(folder)
        time_zone = settings["vars"]["time_zone"]
        queries, planning = write_sql(project, profiles, parts)
        select_models(project, queries)
        database = folder / DATABASE
        build(project, profiles, lake, database, time_zone, None)
        models = seconds_of_models(project)
        with duckdb.connect(str(database), config={"threads": THREADS}) as connection:
            connection.execute(f"SET GLOBAL TimeZone = '{time_zone}'")
            begun = time.perf_counter()
            answer(connection, parts, queries, out)
            seconds = time.perf_counter() - begun
        os.chdir(ROOT)
    rounded = {"models": round(models, 3), "queries": round(seconds, 3), "planning": round(planning, 3)}
    print(json.dumps({"seconds": rounded, "queries": len(queries)}))


if __name__ == "__main__":
    main()
