//! The rows of `kpi_runs`: which versions of which tables a run left behind, so that they can be read together.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use chrono::{DateTime, Utc};

use crate::delta::Written;
use crate::error::ReportError;

/// One execution of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The run's own name.
    pub run_id: String,
    /// The job.
    pub job: String,
    /// The project.
    pub project: String,
    /// The version of this program.
    pub quotient_version: String,
    /// How it ended, such as `done`.
    pub status: String,
    /// What it took for now.
    pub as_of: DateTime<Utc>,
    /// Why it computed, what it read, and what came of it.
    pub work: RunWork,
}

/// Why a run computed, what it read, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct RunWork {
    /// Why, in words with commas.
    pub reasons: String,
    /// Files that it read.
    pub files: i64,
    /// Their size.
    pub bytes: i64,
    /// Cells of complete periods that it restated.
    pub restated: i64,
    /// What tests and availability found: rows of `kpi_findings`.
    #[serde(default)]
    pub findings: i64,
    /// How long its steps took, in their order; none where nobody measured.
    #[serde(default)]
    pub timings: Vec<Timing>,
}

/// How long a step of a run took.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Timing {
    /// Which.
    pub step: Step,
    /// For which table, where it was for one.
    pub table: Option<String>,
    /// Thousandths of a second.
    pub milliseconds: i64,
}

/// A step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The lake was listed and compared with the last run.
    Open,
    /// The rows of models that keep them were brought up to date, and data tests ran.
    Test,
    /// Base cells were computed from facts.
    Aggregate,
    /// The other cells were computed from them.
    Derive,
    /// Rows were compared and written.
    Write,
}

impl RunWork {
    /// Milliseconds of a step, over all tables or for one; `None` where nobody measured.
    #[must_use]
    pub fn took(&self, step: Option<Step>, table: Option<&str>) -> Option<i64> {
        let wanted = |timing: &&Timing| step.is_none_or(|step| timing.step == step) && table.is_none_or(|table| timing.table.as_deref() == Some(table));
        let mut found = self.timings.iter().filter(wanted).peekable();
        found.peek()?;
        Some(found.map(|timing| timing.milliseconds).sum())
    }
}

/// The columns of `kpi_runs` that the clock decides, and nothing else of a run.
pub const TIMES_OF_RUNS: [&str; 6] = ["elapsed_ms", "open_ms", "test_ms", "aggregate_ms", "derive_ms", "write_ms"];

/// `kpi_runs`: one row per table of a run, in the order given; a run without tables has one row whose table is null.
///
/// Columns: `run_id`, job, project, status, `as_of` (an instant), reasons, files, bytes (what was read), restated (cells), findings (rows),
/// `elapsed_ms`, `open_ms`, `test_ms` (of the run), `table_name`, `table_version`, rows, changed, `aggregate_ms`, `derive_ms`, `write_ms` (of the
/// table), `quotient_version`. Times are thousandths of a second, null where nobody measured or a step was not for the table.
///
/// # Errors
/// None that a run can cause.
pub fn kpi_runs(run: &Run, tables: &[Written]) -> Result<RecordBatch, ReportError> {
    let tables: Vec<Option<&Written>> = if tables.is_empty() { vec![None] } else { tables.iter().map(Some).collect() };
    let text = |value: &str| -> ArrayRef { Arc::new(StringArray::from_iter_values(tables.iter().map(|_| value))) };
    let as_of: TimestampMicrosecondArray = tables.iter().map(|_| Some(run.as_of.timestamp_micros())).collect();
    let names: StringArray = tables.iter().map(|t| t.map(|t| t.name.as_str())).collect();
    let versions: Int64Array = tables.iter().map(|t| t.map(|t| t.version)).collect();
    let rows: Int64Array = tables.iter().map(|t| t.and_then(|t| i64::try_from(t.rows).ok())).collect();
    let changed: BooleanArray = tables.iter().map(|t| t.map(|t| t.changed)).collect();
    let number = |value: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![value; tables.len()])) };
    let of_run = |step| -> ArrayRef { Arc::new(tables.iter().map(|_| run.work.took(step, None)).collect::<Int64Array>()) };
    let of_table = |step| -> ArrayRef { Arc::new(tables.iter().map(|t| t.and_then(|t| run.work.took(Some(step), Some(&t.name)))).collect::<Int64Array>()) };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("run_id", text(&run.run_id)),
        ("job", text(&run.job)),
        ("project", text(&run.project)),
        ("status", text(&run.status)),
        ("as_of", Arc::new(as_of.with_timezone("UTC"))),
        ("reasons", text(&run.work.reasons)),
        ("files", number(run.work.files)),
        ("bytes", number(run.work.bytes)),
        ("restated", number(run.work.restated)),
        ("findings", number(run.work.findings)),
        ("elapsed_ms", of_run(None)),
        ("open_ms", of_run(Some(Step::Open))),
        ("test_ms", of_run(Some(Step::Test))),
        ("table_name", Arc::new(names)),
        ("table_version", Arc::new(versions)),
        ("rows", Arc::new(rows)),
        ("changed", Arc::new(changed)),
        ("aggregate_ms", of_table(Step::Aggregate)),
        ("derive_ms", of_table(Step::Derive)),
        ("write_ms", of_table(Step::Write)),
        ("quotient_version", text(&run.quotient_version)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).map_err(ReportError::rows("kpi_runs", "make"))
}

#[cfg(test)]
mod tests {
    use super::{Run, RunWork, Step, Timing, kpi_runs};
    use crate::delta::Written;
    use crate::render::{Format, render};

    fn run() -> Run {
        Run {
            run_id: "r1".to_owned(),
            job: "nightly".to_owned(),
            project: "shop".to_owned(),
            quotient_version: "0.1.0".to_owned(),
            status: "done".to_owned(),
            as_of: "2024-05-01T00:00:00Z".parse().unwrap(),
            work: RunWork { reasons: "new file".to_owned(), files: 2, bytes: 30, restated: 1, findings: 4, timings: Vec::new() },
        }
    }

    #[test]
    fn a_run_has_a_row_per_table() {
        let table = Written { name: "revenue".to_owned(), version: 3, changed: true, rows: 12 };
        let timing = |step, table: Option<&str>, milliseconds| Timing { step, table: table.map(str::to_owned), milliseconds };
        let timings = vec![timing(Step::Open, None, 5), timing(Step::Test, None, 7), timing(Step::Aggregate, Some("revenue"), 20), timing(Step::Write, Some("revenue"), 9)];
        let run = Run { work: RunWork { timings, ..run().work }, ..run() };
        let expected = "run_id,job,project,status,as_of,reasons,files,bytes,restated,findings,elapsed_ms,open_ms,test_ms,\
            table_name,table_version,rows,changed,aggregate_ms,derive_ms,write_ms,quotient_version\r\n\
            r1,nightly,shop,done,2024-05-01T00:00:00Z,new file,2,30,1,4,41,5,7,revenue,3,12,true,20,,9,0.1.0\r\n";
        assert_eq!(render(&kpi_runs(&run, &[table]).unwrap(), Format::Csv).unwrap(), expected);
    }

    #[test]
    fn a_run_without_tables_has_one_row() {
        let batch = kpi_runs(&run(), &[]).unwrap();
        assert_eq!(batch.num_rows(), 1);
        for column in ["table_name", "elapsed_ms", "write_ms"] {
            assert_eq!(batch.column_by_name(column).unwrap().null_count(), 1);
        }
    }
}
