# Recipes for people; `.ci/run` does the same without `just`.

set shell := ["bash", "-euo", "pipefail", "-c"]

# The build shares its folder with `.ci/run`.
export CARGO_TARGET_DIR := env("CARGO_TARGET_DIR", env("XDG_CACHE_HOME", env("HOME") / ".cache") / "quotient" / "target")

# The day after the last of the sample lake.
as_of := "2026-01-01"

# List the recipes.
default:
    @just --list

# Build everything; always the whole workspace, so that Polars is built once.
build:
    cargo build --workspace

# Run every test, those that need Python and recorded data among them.
test:
    .ci/run test

# Everything that must hold before a change goes in.
ci:
    .ci/run

# Bring the sources into form.
fmt:
    cargo fmt --all

# Lints, the format, and the tree's own rules.
lint:
    .ci/run fmt
    .ci/run checks
    .ci/run lint

# The API documentation, with warnings as errors.
docs:
    .ci/run docs

# Ask dbt, MetricFlow and DuckDB anew; PYTHON has dbt 1.12 (tests/conformance/README.md). Then compare with `just test`.
conformance PYTHON="python3":
    {{PYTHON}} tests/conformance/sql/answers.py
    {{PYTHON}} tests/conformance/metricflow/answers.py
    {{PYTHON}} tests/conformance/metricflow/answers.py --project tests/projects/language --questions tests/conformance/language/questions.yml
    {{PYTHON}} tests/conformance/calendar/answers.py

# Run the SQL compiled for Spark over the sample lake, about ten minutes; PYTHON has pyspark 4, and Java 17 is there.
spark PYTHON="python3": build
    {{PYTHON}} tests/spark/answers.py "$CARGO_TARGET_DIR/debug/quotient" jobs data
    {{PYTHON}} tests/spark/answers.py "$CARGO_TARGET_DIR/debug/quotient" tests/projects/language data

# Runs killed at so many instants, and walks of so many changes: the long form of what `just test` does in short.
faults KILLS="200" WALKS="20": build
    QUOTIENT_KILLS={{KILLS}} cargo test --workspace --test integration -- suite::recovery
    QUOTIENT_WALKS={{WALKS}} cargo test --workspace --test integration -- suite::incremental

# Build the program as it is released; about half an hour the first time.
release:
    cargo build --release --workspace --bin quotient

# Quotient against its peers, at two sizes, about half an hour with nothing else running; bench/README.md says what the Pythons have.
bench PYTHON="python3" METRICFLOW_PYTHON="python3":
    cargo build --release --workspace --bin quotient --bin floor
    {{PYTHON}} bench/bench.py "$CARGO_TARGET_DIR/release/quotient" "$CARGO_TARGET_DIR/release/floor" --metricflow {{METRICFLOW_PYTHON}}

# What a nightly run costs after one new day, against a run from nothing; PYTHON has pyarrow and deltalake.
nightly-cost PYTHON="python3" SCALE="0.02": release
    {{PYTHON}} bench/nightly.py "$CARGO_TARGET_DIR/release/quotient" jobs/nightly.yml --scale {{SCALE}}

# The bytes that both read, as an S3-compatible server counts them; PYTHON has what tests/requirements.txt lists.
nightly-bytes PYTHON="python3" SCALE="0.02": release
    {{PYTHON}} bench/bytes.py "$CARGO_TARGET_DIR/release/quotient" bench/job.yml --scale {{SCALE}}

# The exports of `quotient schedule` on the systems that they are for; PYTHON has apache-airflow 3 and kubernetes-validate, and cron may be started.
schedulers PYTHON="python3": build
    {{PYTHON}} tests/schedulers.py "$CARGO_TARGET_DIR/debug/quotient" jobs

# Daily loads with late rows, replayed day by day, against one run at the end; about two seconds a day.
replay PYTHON="python3" DAYS="1000": release
    {{PYTHON}} bench/replay.py "$CARGO_TARGET_DIR/release/quotient" --days {{DAYS}}

# The dictionary of the metrics, as docs/kpis.md and a page with a search.
dictionary:
    cargo run --bin quotient -- docs

# Make the sample lake in data/ anew.
demo:
    rm -rf data
    cargo run --bin quotient -- demo --out data

# Run the main job on the sample lake: result tables go to results/.
run:
    cargo run --bin quotient -- run jobs/nightly.yml --as-of {{as_of}}
