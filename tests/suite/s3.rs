//! Object storage: the same run and the same questions on a local S3-compatible server and on local disk, byte for byte.
//!
//! The server is `tests/s3/server.py`; without its Python modules the test is skipped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use harness::{Call, Results, S3Server, TABLES_OF_EVERY_JOB, demo_lake, python_with, read_yaml, root};
use tempfile::TempDir;

/// The day after the last of the lake.
const AS_OF: &str = "2025-04-01T00:00:00Z";

/// A lake and its results: folders, or URLs with what it takes to reach them.
struct Side {
    lake: PathBuf,
    results: PathBuf,
    env: BTreeMap<String, String>,
}

impl Side {
    fn call(&self, arguments: &[&str]) -> String {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--as-of", AS_OF]);
        let call = Call::new(&arguments).env("QUOTIENT_LAKE", &self.lake).env("QUOTIENT_RESULTS", &self.results);
        self.env.iter().fold(call, |call, (name, value)| call.env(name, value)).data()
    }

    /// Every table of the main job as CSV, and those of every job.
    fn tables(&self) -> Vec<(String, String)> {
        let results = Results::open(self.results.to_str().unwrap(), &self.env);
        let job = read_yaml(&root().join("jobs/nightly.yml"));
        let own = job.get("tables").unwrap().items().iter().map(|table| table.get("name").or_else(|| table.get("saved_query")).unwrap().text().unwrap());
        own.chain(TABLES_OF_EVERY_JOB.map(str::to_owned)).map(|table| (table.clone(), results.csv(&table))).collect()
    }
}

#[test]
fn a_run_on_s3_gives_the_bytes_of_a_run_on_disk() {
    let Some(python) = python_with(&["moto.server", "boto3"], "s3") else { return };
    let folder = TempDir::new().unwrap();
    let disk = Side { lake: folder.path().join("lake"), results: folder.path().join("results"), env: BTreeMap::new() };
    demo_lake(&disk.lake);
    let server = S3Server::start(&python, &disk.lake);
    let bucket = Side { lake: PathBuf::from("s3://lake"), results: PathBuf::from("s3://results/nightly"), env: server.env() };

    let question = ["query", "--format", "csv", "--metrics", "revenue,win_rate,lead_response_hours_median,customer_churn_rate", "--group-by", "metric_time__week"];
    assert_eq!(disk.call(&question), bucket.call(&question), "the answers to a query differ");

    let _ = disk.call(&["run", "jobs/nightly.yml"]);
    let _ = bucket.call(&["run", "jobs/nightly.yml"]);
    let first = bucket.tables();
    for ((table, here), (_, there)) in disk.tables().iter().zip(&first) {
        assert!(here == there, "result table `{table}` differs between disk and S3");
    }

    let _ = bucket.call(&["run", "jobs/nightly.yml"]);
    assert!(bucket.tables() == first, "a second run on S3 changed something");
}
