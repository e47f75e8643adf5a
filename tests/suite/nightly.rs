//! The main job over a small lake: what it writes, that it may be repeated, and that threads do not matter.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use harness::{Call, Cell, Grid, Results, TABLES_OF_EVERY_JOB, demo_lake, files_below, packaged, root};
use quotient_jobs::{RunSummary, Silent, Workspace};
use tempfile::TempDir;

/// The day after the last of the lake.
const AS_OF: &str = "2025-04-01T00:00:00Z";

/// A lake, and results beside it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        demo_lake(&folder.path().join("lake"));
        Self { folder }
    }

    fn lake(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    fn results(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the main job in this process.
    fn run(&self, results: &Path) -> RunSummary {
        let mut request = packaged(&self.lake(), AS_OF);
        request.env.insert("QUOTIENT_RESULTS".to_owned(), results.to_str().unwrap().to_owned());
        let workspace = Workspace::open(&request).unwrap();
        let job = workspace.job(&root().join("jobs/nightly.yml")).unwrap();
        workspace.run(&job, &Silent).unwrap()
    }

    /// A call of the program with some number of threads.
    fn call(&self, arguments: &[&str], results: &Path, threads: &str) -> Call {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--as-of", AS_OF]);
        let call = Call::new(&arguments).env("QUOTIENT_LAKE", self.lake()).env("QUOTIENT_RESULTS", results);
        call.env("POLARS_MAX_THREADS", threads).env("RAYON_NUM_THREADS", threads)
    }
}

#[test]
fn the_log_counts_every_step() {
    let place = Place::new();
    let done = place.call(&["run", "jobs/nightly.yml", "--log-format", "json"], &place.results("results"), "2").run();
    let steps: Vec<&str> = done.stderr.lines().filter(|line| line.contains("\"step\"")).collect();
    for expected in ["gathered leads", "gathered sales_lines", "tested the data", "aggregated revenue", "computed revenue", "wrote revenue", "wrote kpi_runs"] {
        assert!(steps.iter().any(|step| step.starts_with(&format!(r#"{{"level":"info","message":"{expected}","#))), "{expected} is not among {steps:?}");
    }
    for (place, step) in (1..).zip(&steps) {
        assert!(step.ends_with(&format!(r#""step":{place},"of":{}}}"#, steps.len())), "{step}");
    }
}

/// The tables of the main job, and those of every job.
fn tables() -> Vec<String> {
    let job = harness::read_yaml(&root().join("jobs/nightly.yml"));
    let own = job.get("tables").unwrap().items().iter().map(|table| table.get("name").unwrap().text().unwrap());
    own.chain(TABLES_OF_EVERY_JOB.map(str::to_owned)).collect()
}

fn open(results: &Path) -> Results {
    Results::open(results.to_str().unwrap(), &BTreeMap::new())
}

/// Every file of the results, with its bytes.
fn bytes(results: &Path) -> BTreeMap<String, Vec<u8>> {
    files_below(results).into_iter().map(|(name, path)| (name, std::fs::read(path).unwrap())).collect()
}

#[test]
fn a_run_writes_every_table_and_a_second_one_changes_nothing() {
    let place = Place::new();
    let results = place.results("results");
    let first = place.run(&results);
    let folders: BTreeSet<String> = std::fs::read_dir(&results).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    // Beside the tables that people read: what is restated, of a first run nothing; the ledger, and the cells that it keeps.
    let all = tables().into_iter().chain(["kpi_restatements", "kpi_ledger", "_kept"].map(str::to_owned));
    assert_eq!(folders, all.collect::<BTreeSet<String>>());
    let store = open(&results);
    for table in tables() {
        assert!(store.table(&table).num_rows() > 0, "result table `{table}` has no row");
    }
    names_the_versions(&store, &first);

    let before = bytes(&results);
    let second = place.run(&results);
    let changed: Vec<&String> = second.tables.iter().filter(|table| table.changed).map(|table| &table.name).collect();
    assert!(changed.is_empty(), "a second run changed {changed:?}");
    let after = bytes(&results);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "a second run added or removed files");
    let rewritten: Vec<&String> = before.iter().filter(|(name, bytes)| after[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(rewritten.is_empty(), "a second run rewrote {rewritten:?}");
    names_the_versions(&open(&results), &second);
}

/// The rows of a run in `kpi_runs` name each of its tables with the version that is there.
fn names_the_versions(store: &Results, run: &RunSummary) {
    let batch = store.table("kpi_runs");
    let column = |name: &str| batch.column_by_name(name).unwrap_or_else(|| panic!("`kpi_runs` has no column `{name}`"));
    let ids = Grid::of_batch(&batch);
    let (id, table) = (ids.position("run_id").unwrap(), ids.position("table_name").unwrap());
    let versions = column("table_version").as_primitive::<Int64Type>();
    let of_the_run = |row: &usize| ids.rows[*row][id] == Cell::Text(run.run_id.clone());
    let named: BTreeMap<String, i64> = (0..batch.num_rows()).filter(of_the_run).map(|row| (ids.rows[row][table].to_string(), versions.value(row))).collect();
    let written: Vec<&str> = run.tables.iter().map(|table| table.name.as_str()).filter(|name| *name != "kpi_runs").collect();
    assert!(!named.is_empty(), "`kpi_runs` has no row of run `{}`", run.run_id);
    assert_eq!(named.keys().map(String::as_str).collect::<BTreeSet<_>>(), written.into_iter().collect::<BTreeSet<_>>());
    for (name, version) in named {
        assert_eq!(version, store.version(&name), "version of `{name}`");
    }
}

#[test]
fn two_thread_counts_give_the_same_bytes() {
    let place = Place::new();
    let query = ["query", "--format", "csv", "--metrics", "revenue,win_rate,sales_cycle_days_p90,lead_response_hours,customer_churn_rate", "--group-by", "metric_time__month"];
    let answers: Vec<(String, Vec<String>)> = ["1", "4"]
        .into_iter()
        .map(|threads| {
            let results = place.results(threads);
            let _ = place.call(&["run", "jobs/nightly.yml"], &results, threads).data();
            let store = open(&results);
            (place.call(&query, &results, threads).data(), tables().iter().map(|table| store.csv(table)).collect())
        })
        .collect();
    assert_eq!(answers[0].0, answers[1].0, "the query's rows differ");
    for ((table, one), four) in tables().iter().zip(&answers[0].1).zip(&answers[1].1) {
        assert!(one == four, "result table `{table}` differs between 1 and 4 threads: {}", first_difference(one, four));
    }
}

/// The first line in which two texts differ.
fn first_difference(one: &str, other: &str) -> String {
    let lines = one.lines().zip(other.lines()).enumerate().find(|(_, (a, b))| a != b);
    lines.map_or_else(|| "one has more lines".to_owned(), |(at, (a, b))| format!("line {}: `{a}` and `{b}`", at + 1))
}

#[test]
fn the_program_says_what_it_wrote_and_where() {
    let place = Place::new();
    let results = place.results("results");
    let said = place.call(&["run", "jobs/nightly.yml"], &results, "2").run();
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let text = format!("{}{}", said.stdout, said.stderr);
    for table in tables() {
        assert!(text.contains(&table), "the program does not name `{table}`:\n{text}");
    }
    assert!(text.contains(results.to_str().unwrap()), "the program does not say where the tables are:\n{text}");
}

#[test]
fn a_plan_names_what_a_run_writes_and_writes_nothing() {
    let place = Place::new();
    let results = place.results("results");
    let plan = place.call(&["plan", "jobs/nightly.yml"], &results, "2").data();
    let own = tables().into_iter().filter(|table| !TABLES_OF_EVERY_JOB.contains(&table.as_str()));
    for table in own {
        assert!(plan.contains(&table), "the plan does not name `{table}`:\n{plan}");
    }
    assert!(!results.exists() || files_below(&results).is_empty(), "a plan wrote to the results");
}
