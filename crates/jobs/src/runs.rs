//! `runs`: the runs of a job as `kpi_runs` has them, what one of them did, what lies between two, and which days no run has computed.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use quotient_metrics::MetricsError;
use quotient_model::{Job, nearest};
use serde::Serialize;

use crate::days::{Days, common, gaps};
use crate::error::JobError;
use crate::shelf::Shelf;
use crate::touched::{Events, events};
use crate::workspace::Workspace;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastRun {
    /// Its id.
    pub run_id: String,
    /// What it took for now.
    pub as_of: String,
    /// How it ended.
    pub status: String,
    /// Why it computed, in words.
    pub reasons: String,
    /// Files that it read, and their size.
    pub files: i64,
    /// See `files`.
    pub bytes: i64,
    /// Cells of complete periods that it restated.
    pub restated: i64,
    /// What tests and availability found.
    pub findings: i64,
    /// How long it took, in thousandths of a second, and of that to open the lake and to test the data; null where nobody measured.
    pub elapsed_ms: Option<i64>,
    /// See `elapsed_ms`.
    pub open_ms: Option<i64>,
    /// See `elapsed_ms`.
    pub test_ms: Option<i64>,
    /// Its tables.
    pub tables: Vec<PastTable>,
}

/// A table as a run left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastTable {
    /// Its name.
    pub name: String,
    /// Its Delta version.
    pub version: i64,
    /// Its rows.
    pub rows: i64,
    /// Whether the run changed it.
    pub changed: bool,
    /// How long it took to aggregate facts for it, to derive its cells and to write it, in thousandths of a second; null where nobody measured.
    pub aggregate_ms: Option<i64>,
    /// See `aggregate_ms`.
    pub derive_ms: Option<i64>,
    /// See `aggregate_ms`.
    pub write_ms: Option<i64>,
}

/// What lies between two runs, for one metric.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunDifference {
    /// The metric.
    pub metric: String,
    /// Cells that only the second run has.
    pub added: u64,
    /// Cells that only the first run has.
    pub removed: u64,
    /// Cells with another value.
    pub changed: u64,
}

/// Days of a table that no run has computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The table.
    pub table: String,
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

impl Workspace {
    /// The runs of a job, the latest as-of first.
    ///
    /// # Errors
    /// Results that cannot be read.
    pub fn runs(&self, job: &Job) -> Result<Vec<PastRun>, JobError> {
        let Some(rows) = Shelf::open(self, job)?.read("kpi_runs")? else { return Ok(Vec::new()) };
        let mut runs: BTreeMap<(i64, String), PastRun> = BTreeMap::new();
        for row in (0..rows.num_rows()).filter(|row| text(&rows, "job", *row) == job.name) {
            let as_of = rows.column_by_name("as_of").and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>()).map_or(0, |column| column.value(row));
            let run = runs.entry((as_of, text(&rows, "run_id", row))).or_insert_with(|| PastRun {
                run_id: text(&rows, "run_id", row),
                as_of: DateTime::from_timestamp_micros(as_of).unwrap_or_default().to_rfc3339_opts(SecondsFormat::AutoSi, true),
                status: text(&rows, "status", row),
                reasons: text(&rows, "reasons", row),
                files: number(&rows, "files", row),
                bytes: number(&rows, "bytes", row),
                restated: number(&rows, "restated", row),
                findings: number(&rows, "findings", row),
                elapsed_ms: number_if_any(&rows, "elapsed_ms", row),
                open_ms: number_if_any(&rows, "open_ms", row),
                test_ms: number_if_any(&rows, "test_ms", row),
                tables: Vec::new(),
            });
            let changed = rows.column_by_name("changed").and_then(|column| column.as_boolean_opt()).is_some_and(|column| column.is_valid(row) && column.value(row));
            let name = text(&rows, "table_name", row);
            if !name.is_empty() {
                run.tables.push(PastTable {
                    name,
                    version: number(&rows, "table_version", row),
                    rows: number(&rows, "rows", row),
                    changed,
                    aggregate_ms: number_if_any(&rows, "aggregate_ms", row),
                    derive_ms: number_if_any(&rows, "derive_ms", row),
                    write_ms: number_if_any(&rows, "write_ms", row),
                });
            }
        }
        Ok(runs.into_values().rev().collect())
    }

    /// One run of a job, by its id or the beginning of it.
    ///
    /// # Errors
    /// An unknown run, with the nearest one; results that cannot be read.
    pub fn past_run(&self, job: &Job, id: &str) -> Result<PastRun, JobError> {
        let runs = self.runs(job)?;
        let near = nearest(id, runs.iter().map(|run| run.run_id.as_str())).map(str::to_owned);
        let found = runs.into_iter().find(|run| !id.is_empty() && run.run_id.starts_with(id));
        found.ok_or_else(|| JobError::Metrics(MetricsError::Unknown { what: "run", name: id.to_owned(), near }))
    }

    /// What differs in `kpi_values` between two runs, by metric.
    ///
    /// # Errors
    /// An unknown run; versions that a vacuum took away; results that cannot be read.
    pub fn diff_runs(&self, job: &Job, first: &str, second: &str) -> Result<Vec<RunDifference>, JobError> {
        let shelf = Shelf::open(self, job)?;
        let values = |id: &str| -> Result<BTreeMap<Vec<String>, Option<u64>>, JobError> {
            let run = self.past_run(job, id)?;
            let version = run.tables.iter().find(|table| table.name == "kpi_values").map_or(0, |table| table.version);
            Ok(shelf.read_at("kpi_values", version)?.map(|rows| cells_of(&rows, &job.name)).unwrap_or_default())
        };
        let (one, two) = (values(first)?, values(second)?);
        let mut found: BTreeMap<String, RunDifference> = BTreeMap::new();
        let mut count = |cell: &[String], add: fn(&mut RunDifference)| {
            let metric = cell.first().cloned().unwrap_or_default();
            add(found.entry(metric.clone()).or_insert_with(|| RunDifference { metric, added: 0, removed: 0, changed: 0 }));
        };
        for (cell, value) in &one {
            match two.get(cell) {
                None => count(cell, |difference| difference.removed += 1),
                Some(other) if other != value => count(cell, |difference| difference.changed += 1),
                Some(_) => {}
            }
        }
        two.keys().filter(|cell| !one.contains_key(*cell)).for_each(|cell| count(cell, |difference| difference.added += 1));
        Ok(found.into_values().collect())
    }

    /// The days, from the first event that a model declares to as-of, that no run has computed of a table.
    ///
    /// # Errors
    /// Results that cannot be read.
    pub fn gaps(&self, job: &Job) -> Result<Vec<Gap>, JobError> {
        let ledger = self.ledger(job)?;
        let declared = self.project.models.values().filter_map(|model| model.incremental.as_ref()).flat_map(|incremental| &incremental.sources);
        let times = declared.filter_map(|(source, reach)| Some((source, reach.column.as_ref()?)));
        let days =
            times.flat_map(|(source, column)| ledger.files.get(source).into_iter().flatten().map(move |(_, file)| events(&self.project.calendar, file, std::iter::once(column))));
        let first = days.filter_map(|events| if let Events::Between(first, _) = events { Some(first) } else { None }).min();
        let after = |instant| self.project.calendar.last_day_before(instant).to_epoch_days() + 1;
        let tomorrow = after(self.as_of);
        // What came after the last run, no run has seen.
        let seen = Days { from: i32::MIN, to: ledger.instant().map_or(i32::MIN, after) };
        let wanted = Days { from: first.unwrap_or(tomorrow), to: tomorrow };
        let mut found = Vec::new();
        for table in &job.tables {
            let prefix = format!("{}.", table.name);
            let mut kept = ledger.cells.iter().filter(|(key, _)| key.starts_with(&prefix)).peekable();
            let covered = if kept.peek().is_none() { Vec::new() } else { kept.fold(vec![Days::ALL], |covered, (_, kept)| common(&covered, &kept.covered)) };
            for gap in gaps(&common(&covered, &[seen]), wanted) {
                let day = |day: i32| NaiveDate::from_epoch_days(day).unwrap_or_default();
                found.push(Gap { table: table.name.clone(), from: day(gap.from), to: day(gap.to - 1) });
            }
        }
        Ok(found)
    }

    /// The as-of of the last run of a job that succeeded; `None` before the first.
    ///
    /// # Errors
    /// Results that cannot be read.
    pub fn last_run(&self, job: &Job) -> Result<Option<DateTime<Utc>>, JobError> {
        Ok(self.ledger(job)?.instant())
    }
}

/// The cells of a job: metric, grain, first day, slice, dimensions; and the bits of their values.
fn cells_of(rows: &RecordBatch, job: &str) -> BTreeMap<Vec<String>, Option<u64>> {
    let starts = rows.column_by_name("period_start").and_then(|column| column.as_primitive_opt::<arrow::datatypes::Date32Type>());
    let values = rows.column_by_name("value").and_then(|column| column.as_primitive_opt::<Float64Type>());
    let mut cells = BTreeMap::new();
    for row in (0..rows.num_rows()).filter(|row| text(rows, "job", *row) == job) {
        let mut name: Vec<String> = ["metric", "grain", "slice", "dimensions"].iter().map(|column| text(rows, column, row)).collect();
        name.push(starts.map_or(0, |starts| starts.value(row)).to_string());
        cells.insert(name, values.filter(|values| values.is_valid(row)).map(|values| values.value(row).to_bits()));
    }
    cells
}

fn text(rows: &RecordBatch, column: &str, row: usize) -> String {
    let texts = rows.column_by_name(column).and_then(|column| column.as_string_opt::<i32>());
    texts.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row).to_owned()).unwrap_or_default()
}

fn number(rows: &RecordBatch, column: &str, row: usize) -> i64 {
    number_if_any(rows, column, row).unwrap_or(0)
}

fn number_if_any(rows: &RecordBatch, column: &str, row: usize) -> Option<i64> {
    let numbers = rows.column_by_name(column).and_then(|column| column.as_primitive_opt::<Int64Type>());
    numbers.filter(|numbers| numbers.is_valid(row)).map(|numbers| numbers.value(row))
}
