//! Publishing: the claim, the tables, the ledger, and `kpi_runs` last.
//!
//! A run first takes a number that no other run of the job has, on the ledger that it was planned from: whoever comes second finds another
//! ledger there and looks again. Every table refuses a lower number than its last, so that a run that was overtaken cannot write any more.
//! A run that dies leaves the ledger as it was but for the number, and the next one does all of it again.

use arrow::array::RecordBatch;
use quotient_model::{Job, short_hash};
use quotient_report::{KEPT, NewRows, Replace, Run, Step, TIMES_OF_RUNS, TableWrite, Written, kpi_runs};
use sha2::{Digest, Sha256};

use crate::error::JobError;
use crate::ledger::{LEDGER, Ledger};
use crate::progress::Laps;
use crate::results::refused;
use crate::run::WrittenTable;
use crate::shelf::Shelf;
use crate::side_by_side::side_by_side;
use crate::workspace::Workspace;

/// Tables that every run writes beside those of its job, and tells of: all but the ledger.
pub(crate) const RESULTS_OF_RUNS: usize = 7;

/// Tables that are written at once: while one waits for the store, others are compared and encoded.
const TABLES_AT_ONCE: usize = 4;

/// What a run is about to publish.
pub(crate) struct Publication<'a> {
    workspace: &'a Workspace,
    job: &'a Job,
    writes: Vec<(String, NewRows, Replace)>,
}

impl<'a> Publication<'a> {
    /// Nothing yet.
    pub(crate) fn new(workspace: &'a Workspace, job: &'a Job) -> Self {
        Self { workspace, job, writes: Vec::new() }
    }

    /// Adds a table.
    pub(crate) fn add(&mut self, name: &str, rows: impl Into<NewRows>, replace: Replace) {
        self.writes.push((name.to_owned(), rows.into(), replace));
    }

    /// Writes everything; `next` is the ledger afterwards, without its tables.
    pub(crate) fn publish(mut self, last: &Ledger, mut next: Ledger, shelf: &Shelf, laps: &Laps<'_>) -> Result<Vec<WrittenTable>, JobError> {
        let claimed = Ledger { epoch: next.epoch, claimed: true, ..last.clone() };
        self.exchange(last, &claimed, shelf)?;
        next.tables = self.write(next.epoch, shelf, laps)?;
        next.work.timings = laps.timings();
        self.exchange(&claimed, &next, shelf)?;
        let recorded = self.record(&next, shelf)?;
        laps.done(Step::Write, Some("kpi_runs"));
        let all = next.tables.into_iter().chain([recorded]);
        Ok(all.map(|w| WrittenTable { name: w.name, version: w.version, changed: w.changed, rows: w.rows }).collect())
    }

    /// Writes the tables, several at once; the rows of each are let go of when it is written.
    fn write(&mut self, number: i64, shelf: &Shelf, laps: &Laps<'_>) -> Result<Vec<Written>, JobError> {
        let mut writes: Vec<(usize, (String, NewRows, Replace))> = std::mem::take(&mut self.writes).into_iter().enumerate().collect();
        // The largest first: the others fill the time until it is written.
        writes.sort_by_key(|(_, (_, rows, _))| std::cmp::Reverse(rows.count()));
        let written = side_by_side(writes, TABLES_AT_ONCE, |_, (place, (name, rows, replace))| {
            let written = shelf.write(&TableWrite {
                transaction: (application(&self.job.name, &name), number),
                name: name.clone(),
                rows,
                replace,
                ignore: vec!["run_id".to_owned(), "computed_at".to_owned()],
            })?;
            laps.done(Step::Write, Some(&name));
            Ok((place, written))
        });
        let mut written = written.into_iter().collect::<Result<Vec<(usize, Written)>, JobError>>()?;
        written.sort_by_key(|(place, _)| *place);
        Ok(written.into_iter().map(|(_, written)| written).collect())
    }

    /// The rows of a run in `kpi_runs`: what its ledger says of the tables.
    pub(crate) fn record(&self, ledger: &Ledger, shelf: &Shelf) -> Result<Written, JobError> {
        let run = Run {
            run_id: ledger.run_id.clone(),
            job: self.job.name.clone(),
            project: self.workspace.project.name.clone(),
            quotient_version: env!("CARGO_PKG_VERSION").to_owned(),
            status: "done".to_owned(),
            as_of: ledger.instant().unwrap_or(self.workspace.as_of),
            work: ledger.work.clone(),
        };
        // The same run again replaces its own rows, which says the same unless a table has moved on since.
        shelf.write(&TableWrite {
            name: "kpi_runs".to_owned(),
            rows: kpi_runs(&run, &ledger.tables).map_err(JobError::Output)?.into(),
            replace: Replace::Where { column: "run_id".to_owned(), value: run.run_id.clone() },
            ignore: TIMES_OF_RUNS.into_iter().chain(["changed"]).map(str::to_owned).collect(),
            transaction: (application(&self.job.name, "kpi_runs"), ledger.epoch),
        })
    }

    /// Puts a ledger in the place of another one, if that is still there.
    fn exchange(&self, from: &Ledger, to: &Ledger, shelf: &Shelf) -> Result<(), JobError> {
        let job = &self.job.name;
        let write = TableWrite {
            name: LEDGER.to_owned(),
            rows: to.batch(job).map_err(|error| refused(LEDGER, &error))?.into(),
            replace: Replace::Where { column: "job".to_owned(), value: job.clone() },
            ignore: Vec::new(),
            transaction: (application(job, LEDGER), to.epoch),
        };
        let holds = |rows: Option<&RecordBatch>| {
            let there = rows.map(|rows| Ledger::read(rows, job)).unwrap_or_default();
            (there.epoch, there.run_id) == (from.epoch, from.run_id.clone())
        };
        shelf.exchange(&write, &holds).map(drop)
    }
}

/// The folder of what a job keeps.
pub(crate) fn folder(job: &str) -> String {
    format!("{KEPT}/{}", short_hash(Sha256::new_with_prefix(job)))
}

/// The folder of the rows of models that a job keeps.
pub(crate) fn rows_folder(job: &str) -> String {
    format!("{}/rows", folder(job))
}

/// The name under which a job writes a table.
pub(crate) fn application(job: &str, table: &str) -> String {
    format!("quotient/{job}/{table}")
}
