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
}

/// `kpi_runs`: one row per table of a run, in the order given; a run without tables has one row whose table is null.
///
/// Columns: `run_id`, job, project, status, `as_of` (an instant), reasons, files, bytes (what was read), restated (cells),
/// `table_name`, `table_version`, rows, changed, `quotient_version`.
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
        ("table_name", Arc::new(names)),
        ("table_version", Arc::new(versions)),
        ("rows", Arc::new(rows)),
        ("changed", Arc::new(changed)),
        ("quotient_version", text(&run.quotient_version)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).map_err(ReportError::rows("kpi_runs", "make"))
}

#[cfg(test)]
mod tests {
    use super::{Run, RunWork, kpi_runs};
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
            work: RunWork { reasons: "new file".to_owned(), files: 2, bytes: 30, restated: 1 },
        }
    }

    #[test]
    fn a_run_has_a_row_per_table() {
        let table = Written { name: "revenue".to_owned(), version: 3, changed: true, rows: 12 };
        let expected = "run_id,job,project,status,as_of,reasons,files,bytes,restated,table_name,table_version,rows,changed,quotient_version\r\n\
            r1,nightly,shop,done,2024-05-01T00:00:00Z,new file,2,30,1,revenue,3,12,true,0.1.0\r\n";
        assert_eq!(render(&kpi_runs(&run(), &[table]).unwrap(), Format::Csv).unwrap(), expected);
    }

    #[test]
    fn a_run_without_tables_has_one_row() {
        let batch = kpi_runs(&run(), &[]).unwrap();
        assert_eq!(batch.num_rows(), 1);
        assert_eq!(batch.column_by_name("table_name").unwrap().null_count(), 1);
    }
}
