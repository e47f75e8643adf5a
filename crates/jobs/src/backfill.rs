//! `backfill`: cells of a stretch of days, computed in chunks, each published by itself.
//!
//! Every chunk is a run that computes what is stale, and of what was never computed the days of its chunk alone. What is done is in the
//! ledger: a backfill that was interrupted goes on where it stopped, with the as-of of its first start.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use quotient_metrics::MetricsError;
use quotient_model::{Grain, Job, nearest};
use serde::Serialize;

use crate::ahead::{Ahead, AtOnce};
use crate::days::Days;
use crate::error::JobError;
use crate::ledger::{Backfill, LEDGER, Ledger};
use crate::progress::{Progress, Untold};
use crate::run::RunSummary;
use crate::shelf::Shelf;
use crate::work::Asked;
use crate::workspace::Workspace;

/// What to backfill.
#[derive(Debug, Clone)]
pub struct BackfillRequest {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// One chunk for each period of this grain.
    pub chunk: Grain,
    /// Only these tables, and those that have one of these metrics; all where neither is named.
    pub tables: Vec<String>,
    /// See `tables`.
    pub metrics: Vec<String>,
    /// Which chunk comes first.
    pub order: ChunkOrder,
    /// What is done about cells that are there and right.
    pub again: Again,
    /// How many chunks are computed at once.
    pub at_once: AtOnce,
}

/// Which chunk comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChunkOrder {
    /// The oldest.
    #[default]
    OldestFirst,
    /// The newest.
    NewestFirst,
}

/// What is done about cells that are there and right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Again {
    /// They stay.
    #[default]
    Keep,
    /// They are computed all the same.
    Force,
}

/// A chunk of a backfill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chunk {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
    /// What became of it: done before, or to do; of a plan.
    pub state: ChunkState,
    /// Files that are read for the table that reads most; 0 where it is done.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// Whether a chunk is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChunkState {
    /// Its cells are there.
    Done,
    /// They will be computed.
    ToDo,
}

impl Workspace {
    /// The as-of of the same backfill of a job, where one has begun and not ended.
    ///
    /// # Errors
    /// Results that cannot be read.
    pub fn backfill_as_of(&self, job: &Job, request: &BackfillRequest) -> Result<Option<DateTime<Utc>>, JobError> {
        let ledger = self.ledger(job)?;
        let begun = ledger.backfill.as_ref().filter(|begun| begun.asked == request.text());
        // A run of a later as-of in between is not taken back.
        Ok(begun.and_then(|begun| DateTime::from_timestamp_micros(begun.as_of.max(ledger.as_of.unwrap_or(begun.as_of)))))
    }

    /// The chunks of a backfill, in their order, and what they will read.
    ///
    /// # Errors
    /// Names that the job does not have; as a run, up to the first row read.
    pub fn plan_backfill(&self, job: &Job, request: &BackfillRequest) -> Result<Vec<Chunk>, JobError> {
        let tables = tables_of(job, request)?;
        let begun = self.ledger(job)?.backfill.filter(|begun| begun.asked == request.text());
        let mut chunks = Vec::new();
        for days in self.chunks(request) {
            let day = |day: i32| NaiveDate::from_epoch_days(day).unwrap_or(request.from);
            let mut chunk = Chunk { from: day(days.from), to: day(days.to - 1), state: ChunkState::Done, files: 0, bytes: 0 };
            if begun.as_ref().is_none_or(|begun| !begun.done.contains(&days)) {
                let plan = self.plan_asked(job, &asked(request, &tables, days))?;
                let planned = plan.tables.iter().filter(|table| tables.is_empty() || tables.contains(&table.name));
                let (files, bytes) = planned.fold((0, 0), |(files, bytes), table| (files.max(table.files), bytes.max(table.bytes)));
                let is_done = plan.tables.iter().filter(|table| tables.is_empty() || tables.contains(&table.name)).all(|table| table.reasons.is_empty());
                chunk = Chunk { state: if is_done { ChunkState::Done } else { ChunkState::ToDo }, files, bytes, ..chunk };
            }
            chunks.push(chunk);
        }
        Ok(chunks)
    }

    /// Runs a backfill, a commit for each chunk; gives the summary of the last chunk's run.
    ///
    /// # Errors
    /// Names that the job does not have; as a run. The chunks before stay done.
    pub fn backfill(&self, job: &Job, request: &BackfillRequest, progress: &dyn Progress) -> Result<Option<RunSummary>, JobError> {
        let tables = tables_of(job, request)?;
        let fresh = Backfill { asked: request.text(), as_of: self.as_of.timestamp_micros(), done: Vec::new() };
        let mut begun = self.ledger(job)?.backfill.filter(|begun| begun.asked == fresh.asked).unwrap_or(fresh);
        let chunks: Vec<Days> = self.chunks(request).into_iter().filter(|days| !begun.done.contains(days)).collect();
        progress.begin(u64::try_from(chunks.len()).unwrap_or(u64::MAX));
        let asked: Vec<Asked> = chunks.iter().map(|days| asked(request, &tables, *days)).collect();
        let (mut last, mut ahead, mut computed) = (None, Ahead::default(), 0);
        for (at, (days, chunk)) in chunks.iter().zip(&asked).enumerate() {
            if at == computed {
                let taken;
                (ahead, taken) = self.compute_ahead(job, &asked[at..], request.at_once)?;
                computed += taken;
            }
            begun.done.push(*days);
            let open = (at + 1 < chunks.len()).then(|| begun.clone());
            last = Some(self.run_ahead(job, &Asked { backfill: open, ..chunk.clone() }, &ahead, &Untold(progress))?);
            let first = NaiveDate::from_epoch_days(days.from).unwrap_or(request.from);
            progress.step(&format!("{} from {first}", request.chunk));
        }
        progress.end();
        Ok(last)
    }

    /// What the last run of a job left behind.
    pub(crate) fn ledger(&self, job: &Job) -> Result<Ledger, JobError> {
        let rows = Shelf::open(self, job)?.read(LEDGER)?;
        Ok(rows.map(|rows| Ledger::read(&rows, &job.name)).unwrap_or_default())
    }

    /// The days of each chunk: periods of the grain, cut at the first and the last day.
    fn chunks(&self, request: &BackfillRequest) -> Vec<Days> {
        let end = request.to.succ_opt().unwrap_or(request.to);
        let cut = |period: quotient_model::Period| Days { from: period.start.max(request.from).to_epoch_days(), to: period.end.min(end).to_epoch_days() };
        let mut chunks: Vec<Days> = self.project.calendar.periods(request.chunk, request.from, end).into_iter().map(cut).collect();
        if request.order == ChunkOrder::NewestFirst {
            chunks.reverse();
        }
        chunks
    }
}

impl BackfillRequest {
    /// What makes two backfills the same.
    fn text(&self) -> String {
        format!("{} {} {} {:?} {:?} {:?} {:?}", self.from, self.to, self.chunk, self.tables, self.metrics, self.order, self.again)
    }
}

fn asked(request: &BackfillRequest, tables: &BTreeSet<String>, days: Days) -> Asked {
    Asked { limit: Some(days), days: (request.again == Again::Force).then_some(days), tables: tables.clone(), backfill: None }
}

/// The tables that are asked for; none for all.
fn tables_of(job: &Job, request: &BackfillRequest) -> Result<BTreeSet<String>, JobError> {
    let unknown = |what, name: &String, names: Vec<&str>| JobError::Metrics(MetricsError::Unknown { what, name: name.clone(), near: nearest(name, names).map(str::to_owned) });
    let mut tables = BTreeSet::new();
    for name in &request.tables {
        let found = job.tables.iter().find(|table| table.name == *name);
        tables.insert(found.ok_or_else(|| unknown("table of the job", name, job.tables.iter().map(|table| table.name.as_str()).collect()))?.name.clone());
    }
    for metric in &request.metrics {
        let mut found = job.tables.iter().filter(|table| table.metrics.contains(metric)).peekable();
        if found.peek().is_none() {
            let names = job.tables.iter().flat_map(|table| table.metrics.iter().map(String::as_str)).collect();
            return Err(unknown("metric of the job", metric, names));
        }
        tables.extend(found.map(|table| table.name.clone()));
    }
    Ok(tables)
}
