//! The result tables of a job, read back.
//!
//! In: where the results lie, a folder or a URL. Out: rows and versions of its Delta tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use quotient_ingest::open_store;
use quotient_report::{Format, ResultStore, TIMES_OF_RUNS, render};
use tokio::runtime::Runtime;

/// Result tables that every job of this version writes beside its own.
pub const TABLES_OF_EVERY_JOB: [&str; 6] = ["dim_date", "dim_period", "kpi_dictionary", "kpi_findings", "kpi_runs", "kpi_values"];

/// Names a run by the addresses of its files, among others: runs over copies of a lake have other ones.
const RUN: &str = "run_id";

/// Where result tables lie.
#[derive(Debug)]
pub struct Results {
    store: ResultStore,
    runtime: Runtime,
}

impl Results {
    /// Opens a folder or an `s3://` URL.
    #[must_use]
    pub fn open(location: &str, env: &BTreeMap<String, String>) -> Self {
        let opened = open_store(location, Path::new("/"), env).unwrap();
        Self { store: ResultStore { store: opened.store, url: opened.url }, runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap() }
    }

    /// All rows of a table's latest version.
    #[must_use]
    pub fn table(&self, name: &str) -> RecordBatch {
        self.runtime.block_on(self.store.read(name)).unwrap().unwrap_or_else(|| panic!("there is no result table `{name}`"))
    }

    /// The latest version of a table.
    #[must_use]
    pub fn version(&self, name: &str) -> i64 {
        self.runtime.block_on(self.store.version(name)).unwrap().unwrap_or_else(|| panic!("there is no result table `{name}`"))
    }

    /// Whether there is a table.
    #[must_use]
    pub fn is_there(&self, name: &str) -> bool {
        self.runtime.block_on(self.store.version(name)).unwrap().is_some()
    }

    /// A table as CSV, without the name of the run and how long it took.
    #[must_use]
    pub fn csv(&self, name: &str) -> String {
        let mut columns = TIMES_OF_RUNS.to_vec();
        columns.push(RUN);
        self.without(name, &columns)
    }

    /// A table as CSV, without some of its columns.
    #[must_use]
    pub fn without(&self, name: &str, columns: &[&str]) -> String {
        let batch = self.table(name);
        let fields = batch.schema_ref().fields();
        let kept: Vec<usize> = (0..fields.len()).filter(|at| !columns.contains(&fields[*at].name().as_str())).collect();
        render(&batch.project(&kept).unwrap(), Format::Csv).unwrap()
    }

    /// The same with its rows in order: files of late periods come after those of early ones, and rows are in the order of the files.
    #[must_use]
    pub fn sorted_without(&self, name: &str, columns: &[&str]) -> String {
        let rows = self.without(name, columns);
        let mut lines: Vec<&str> = rows.lines().collect();
        lines[1..].sort_unstable();
        lines.join("\n")
    }

    /// The runs of `kpi_runs`.
    #[must_use]
    pub fn runs(&self) -> BTreeSet<String> {
        let rows = self.table("kpi_runs");
        rows.column_by_name(RUN).unwrap().as_string::<i32>().iter().flatten().map(str::to_owned).collect()
    }

    /// The tables of `kpi_runs`, with the versions that runs left.
    #[must_use]
    pub fn versions_of_runs(&self) -> Vec<(String, i64)> {
        let rows = self.table("kpi_runs");
        let names = rows.column_by_name("table_name").unwrap().as_string::<i32>();
        let versions = rows.column_by_name("table_version").unwrap().as_primitive::<Int64Type>();
        names.iter().flatten().map(str::to_owned).zip(versions.iter().flatten()).collect()
    }
}
