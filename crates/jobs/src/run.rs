//! `run`: computes every table of a job, then writes them, `kpi_runs` last.
//!
//! All cells are computed before the first table is written: a run that fails over its input leaves the results as they were.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, Utc};
use indexmap::IndexMap;
use quotient_ingest::{SourceFrame, open_store};
use quotient_metrics::{BaseGrouping, CellRequest, Cells, Counts, Key, cells};
use quotient_model::{Grain, Job, JobTable, Project, definition_hash, short_hash};
use quotient_report::{Finder, PeriodRange, Replace, ResultStore, Run, TableWrite, Written, dim_date, dim_period, kpi_dictionary, kpi_findings, kpi_runs};
use sha2::{Digest, Sha256};

use crate::error::JobError;
use crate::progress::Progress;
use crate::results::{batch, refused, table};
use crate::values::{Stamp, Values};
use crate::workspace::Workspace;

/// What a run did.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// The run: the same job over the same files, definitions and as-of has the same.
    pub run_id: String,
    /// The job.
    pub job: String,
    /// The instant taken for now.
    pub as_of: String,
    /// Where the tables are.
    pub results: String,
    /// The tables.
    pub tables: Vec<WrittenTable>,
    /// The totals of the last complete month: metric, label, unit, value, previous.
    pub headline: RecordBatch,
}

/// A table that a run wrote, or found to say the same already.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WrittenTable {
    /// Its name.
    pub name: String,
    /// Its Delta version.
    pub version: i64,
    /// Whether there was anything to commit.
    pub changed: bool,
    /// Rows in it.
    pub rows: u64,
}

impl Workspace {
    /// Runs a job.
    ///
    /// # Errors
    /// Input that is not as declared; results that cannot be written. Nothing is written unless everything could be computed.
    pub fn run(&self, job: &Job, progress: &dyn Progress) -> Result<RunSummary, JobError> {
        let models = self.job_models(job);
        let all_rows = self.open_all_rows(&self.tables_of(&models))?;
        progress.begin(u64::try_from(job.tables.len() * 2 + 7).unwrap_or(u64::MAX));
        let found = self.job_findings(&models, &all_rows)?;
        progress.step("tested the data");
        let sources = self.without_bad_rows(all_rows)?;
        let engine = self.engine(&sources);
        let run_id = self.run_id(job, &sources);
        let findings = kpi_findings(&found, &Finder { job: &job.name, run_id: &run_id, as_of: self.as_of }).map_err(JobError::Output)?;
        let mut values = Values::default();
        let mut writes = Vec::new();
        let mut headline = Headline::new(&self.project, self.as_of);
        let mut first_day = self.project.calendar.day_of(self.as_of);
        for wanted in &job.tables {
            let request = request_of(wanted);
            let found = cells(&engine, &self.project, &request, self.project.calendar.last_day_before(self.as_of)).map_err(JobError::Metrics)?;
            let rows = table(&self.project, wanted, &found, self.as_of)?;
            // Cells under conditions would stand beside those of all rows with nothing to tell them apart.
            if wanted.filters.is_empty() {
                values.add(&self.project, &found, request.groupings.len(), self.as_of);
                headline.add(&found);
            }
            first_day = first_day.min(earliest(&found).unwrap_or(first_day));
            writes.push((wanted.name.clone(), rows, Replace::All));
            progress.step(&format!("computed {}", wanted.name));
        }
        let stamp = Stamp { job: &job.name, run_id: &run_id, as_of: self.as_of };
        let own = Replace::Where { column: "job".to_owned(), value: job.name.clone() };
        writes.push(("kpi_values".to_owned(), values.into_batch(&stamp)?, own.clone()));
        writes.push(("kpi_findings".to_owned(), findings, own));
        writes.push(("kpi_dictionary".to_owned(), kpi_dictionary(&self.project).map_err(JobError::Output)?, Replace::All));
        let (from, to) = self.calendar_range(first_day);
        writes.push(("dim_date".to_owned(), dim_date(&self.project.calendar, from, to).map_err(JobError::Output)?, Replace::All));
        let range = PeriodRange { calendar: &self.project.calendar, grains: &self.project.grains(), from, to, as_of: self.as_of };
        writes.push(("dim_period".to_owned(), dim_period(&range).map_err(JobError::Output)?, Replace::All));
        let written = self.publish(job, &run_id, writes, progress)?;
        progress.end();
        Ok(RunSummary {
            run_id,
            job: job.name.clone(),
            as_of: self.as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            results: job.results.clone(),
            tables: written.into_iter().map(|w| WrittenTable { name: w.name, version: w.version, changed: w.changed, rows: w.rows }).collect(),
            headline: headline.into_batch()?,
        })
    }

    fn publish(&self, job: &Job, run_id: &str, writes: Vec<(String, RecordBatch, Replace)>, progress: &dyn Progress) -> Result<Vec<Written>, JobError> {
        let here = std::path::Path::new("");
        let opened = open_store(&job.results, here, &self.env).map_err(JobError::Results)?;
        let store = ResultStore { store: opened.store, url: opened.url };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(JobError::Runtime)?;
        let mut written = Vec::with_capacity(writes.len() + 1);
        let stamp = self.as_of.timestamp_micros();
        for (name, batch, replace) in writes {
            let write =
                TableWrite { transaction: (format!("quotient/{}/{name}", job.name), stamp), name, batch, replace, ignore: vec!["run_id".to_owned(), "computed_at".to_owned()] };
            let done = runtime.block_on(store.write(&write)).map_err(JobError::Output)?;
            progress.step(&format!("wrote {}", done.name));
            written.push(done);
        }
        let run = Run {
            run_id: run_id.to_owned(),
            job: job.name.clone(),
            project: self.project.name.clone(),
            quotient_version: env!("CARGO_PKG_VERSION").to_owned(),
            status: "done".to_owned(),
            as_of: self.as_of,
        };
        let rows = kpi_runs(&run, &written).map_err(JobError::Output)?;
        // The same run again replaces its own rows, which says the same unless a table has moved on since.
        let write = TableWrite {
            name: "kpi_runs".to_owned(),
            batch: rows,
            replace: Replace::Where { column: "run_id".to_owned(), value: run_id.to_owned() },
            ignore: vec!["changed".to_owned()],
            transaction: (format!("quotient/{}/kpi_runs", job.name), stamp),
        };
        written.push(runtime.block_on(store.write(&write)).map_err(JobError::Output)?);
        progress.step("wrote kpi_runs");
        Ok(written)
    }

    /// A name for what a run depends on: job, as-of, definitions, and the files that it reads.
    fn run_id(&self, job: &Job, sources: &IndexMap<String, SourceFrame>) -> String {
        let mut hasher = Sha256::new();
        hasher.update(format!("{} {}", job.name, self.as_of.timestamp_micros()));
        for table in &job.tables {
            hasher.update(format!("{} {:?} {:?} {:?} {:?}", table.name, table.metrics, table.slices, table.grains, table.filters));
        }
        for metric in job.tables.iter().flat_map(|t| &t.metrics).filter_map(|m| self.project.metrics.get(m)) {
            hasher.update(definition_hash(&self.project, metric));
        }
        for file in sources.values().flat_map(|s| &s.files) {
            hasher.update(format!("{} {} {:?}", file.address, file.size, file.etag));
        }
        short_hash(hasher)
    }

    /// Whole years from the first period of the results to the year of as-of.
    fn calendar_range(&self, first: NaiveDate) -> (NaiveDate, NaiveDate) {
        let today = self.project.calendar.day_of(self.as_of);
        let start = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(today);
        (start(first.year()), start(today.year() + 1))
    }
}

fn request_of(table: &JobTable) -> CellRequest {
    let groupings = table.grains.iter().flat_map(|grain| table.slices.iter().map(|slice| BaseGrouping { grain: Some(*grain), slice: slice.clone() }));
    CellRequest { metrics: table.metrics.clone(), groupings: groupings.collect(), filters: table.filters.clone(), counts: Counts::Yes, ..CellRequest::default() }
}

fn earliest(found: &Cells) -> Option<NaiveDate> {
    let first = found.metrics.iter().flat_map(|(_, column)| column.cells.keys()).map(|key| key.period).min()?;
    NaiveDate::from_epoch_days(first)
}

/// The totals of the last complete month.
struct Headline<'a> {
    project: &'a Project,
    month: quotient_model::Period,
    before: quotient_model::Period,
    values: BTreeMap<String, Shown>,
}

/// A metric's value in the month, and in the month before.
struct Shown {
    value: Option<f64>,
    previous: Option<f64>,
}

impl<'a> Headline<'a> {
    fn new(project: &'a Project, as_of: DateTime<Utc>) -> Self {
        let calendar = &project.calendar;
        let this = calendar.period(Grain::Month, calendar.day_of(as_of));
        let month = if calendar.is_complete(this, as_of) { this } else { calendar.previous(this) };
        Self { project, month, before: calendar.previous(month), values: BTreeMap::new() }
    }

    fn add(&mut self, found: &Cells) {
        let total = BaseGrouping { grain: Some(Grain::Month), slice: Vec::new() };
        let Some(grouping) = found.grid.index_of(&total) else { return };
        for (name, column) in &found.metrics {
            let at = |period: quotient_model::Period| {
                let first = Key { grouping, period: period.start.to_epoch_days(), member: 0 };
                let last = Key { member: u32::MAX, ..first };
                column.cells.range(first..=last).next().and_then(|(_, value)| value.map(|v| v.as_f64(column.kind)))
            };
            self.values.entry(name.clone()).or_insert(Shown { value: at(self.month), previous: at(self.before) });
        }
    }

    fn into_batch(self) -> Result<RecordBatch, JobError> {
        let metrics: Vec<_> = self.project.metrics.values().filter(|m| self.values.contains_key(&m.name)).collect();
        let text = |texts: Vec<&str>| -> ArrayRef { std::sync::Arc::new(StringArray::from_iter_values(texts)) };
        let value =
            |pick: fn(&Shown) -> Option<f64>| -> ArrayRef { std::sync::Arc::new(metrics.iter().map(|m| self.values.get(&m.name).and_then(pick)).collect::<Float64Array>()) };
        let month = self.project.calendar.label(self.month);
        batch(vec![
            ("month".to_owned(), text(metrics.iter().map(|_| month.as_str()).collect())),
            ("metric".to_owned(), text(metrics.iter().map(|m| m.name.as_str()).collect())),
            ("label".to_owned(), text(metrics.iter().map(|m| m.label.as_str()).collect())),
            ("unit".to_owned(), text(metrics.iter().map(|m| m.meta.unit.as_str()).collect())),
            ("value".to_owned(), value(|v| v.value)),
            ("previous".to_owned(), value(|v| v.previous)),
        ])
        .map_err(|e| refused("headline", &e))
    }
}
