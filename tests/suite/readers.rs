//! Other readers: DuckDB, Polars and deltalake from Python read every result table of a run, and agree with it.
//!
//! The reading is `readers.py`, beside this file; without its modules the test is skipped.

use std::collections::BTreeMap;
use std::process::Command;

use harness::{demo_lake, packaged, python_with, root};
use quotient_jobs::{Silent, Workspace};
use tempfile::TempDir;

#[test]
fn other_readers_see_every_table_and_agree() {
    let Some(python) = python_with(&["duckdb", "polars", "deltalake", "pyarrow"], "readers") else { return };
    let folder = TempDir::new().unwrap();
    let (lake, results) = (folder.path().join("lake"), folder.path().join("results"));
    demo_lake(&lake);
    let mut request = packaged(&lake, "2025-04-01T00:00:00Z");
    request.env.insert("QUOTIENT_RESULTS".to_owned(), results.to_str().unwrap().to_owned());
    let workspace = Workspace::open(&request).unwrap();
    let job = workspace.job(&root().join("jobs/nightly.yml")).unwrap();
    let summary = workspace.run(&job, &Silent).unwrap();

    let output = Command::new(python).arg(root().join("tests/suite/readers.py")).arg(&results).output().unwrap();
    let (said, faults) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "the readers differ\n{faults}{said}");

    let seen: BTreeMap<String, (i64, u64)> = said.lines().map(table).collect();
    for table in &summary.tables {
        assert_eq!(seen.get(&table.name), Some(&(table.version, table.rows)), "version and rows of `{}`", table.name);
    }
}

/// A line of `readers.py`: name, version, rows.
fn table(line: &str) -> (String, (i64, u64)) {
    match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [name, version, rows] => ((*name).to_owned(), (version.parse().unwrap(), rows.parse().unwrap())),
        _ => panic!("readers.py said `{line}`"),
    }
}
