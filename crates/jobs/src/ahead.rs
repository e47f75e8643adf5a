//! Chunks of a backfill computed ahead, several at once: the cells of their days, which the runs of the chunks then publish one by one.
//!
//! In: what each chunk asks, a number of threads, a budget of memory. Out: cells by request and days. They hold for the files that they were
//! computed from; a run that finds other files, or other days to compute, computes for itself. Errors are left to that run.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;

use arrow::array::RecordBatch;
use indexmap::IndexMap;
use quotient_ingest::SourceFrame;
use quotient_metrics::requests_of;
use quotient_model::Job;

use crate::days::joined;
use crate::error::JobError;
use crate::incremental_engine::IncrementalEngine;
use crate::question::{base_key, base_question};
use crate::run::{Prepared, request_of};
use crate::shelf::Shelf;
use crate::side_by_side::side_by_side;
use crate::stretches::Touching;
use crate::work::{Asked, Work, Worklist};
use crate::workspace::Workspace;

/// Memory that a chunk takes, for each byte of the files that it reads: measured, see docs/operations.md.
const MEMORY_PER_BYTE: u64 = 40;

/// How many chunks are computed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtOnce {
    /// No more than so many.
    pub jobs: NonZeroUsize,
    /// No more than fit into so many bytes, by the files that they read; one in any case.
    pub memory: Option<u64>,
}

impl Default for AtOnce {
    fn default() -> Self {
        Self { jobs: NonZeroUsize::MIN, memory: None }
    }
}

/// Cells by request, and what was computed of it.
type Computed = BTreeMap<(String, Touching), Vec<RecordBatch>>;

/// Cells of some days, by request.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// The files that they are computed from.
    files: BTreeSet<(String, u64, Option<String>)>,
    cells: Computed,
}

impl Ahead {
    /// Whether there are cells, computed from exactly these files.
    pub(crate) fn is_from(&self, sources: &IndexMap<String, SourceFrame>) -> bool {
        !self.cells.is_empty() && files_of(sources) == self.files
    }

    /// The cells of a request.
    pub(crate) fn cells(&self, key: &str, touching: &Touching) -> Option<Vec<RecordBatch>> {
        self.cells.get(&(key.to_owned(), touching.clone())).cloned()
    }
}

impl Workspace {
    /// Computes the cells of the first of some chunks, as many as may be at once; gives how many these are, too.
    pub(crate) fn compute_ahead(&self, job: &Job, chunks: &[Asked], at_once: AtOnce) -> Result<(Ahead, usize), JobError> {
        let shelf = Shelf::open(self, job)?;
        let none = || (Ahead::default(), 1);
        let Some(first) = chunks.first().filter(|_| at_once.jobs.get() > 1 && chunks.len() > 1) else { return Ok(none()) };
        let Prepared::Something { ledger, sources, .. } = self.prepare(job, first, &shelf)? else { return Ok(none()) };
        // Where kept cells are lost, the run finds other days to compute, and does.
        let work = |asked: &Asked| Worklist::new(&self.project, &ledger, &sources, self.as_of).asking(asked, &job.tables);
        let mut taken = 0;
        let mut memory = 0u64;
        for asked in chunks.iter().take(at_once.jobs.get()) {
            memory = memory.saturating_add(bytes_of(&work(asked), job)?.saturating_mul(MEMORY_PER_BYTE));
            if taken > 0 && at_once.memory.is_some_and(|budget| memory > budget) {
                break;
            }
            taken += 1;
        }
        if taken < 2 {
            return Ok(none());
        }
        let found = side_by_side(&chunks[..taken], taken, |at, asked| self.cells_of(job, &work(asked), &chunks[..at]));
        Ok((Ahead { files: files_of(&sources), cells: found.into_iter().flatten().collect() }, taken))
    }

    /// The cells of every request of which some days are to be computed, after the chunks before.
    fn cells_of(&self, job: &Job, worklist: &Worklist<'_>, before: &[Asked]) -> Computed {
        let engine = IncrementalEngine::new(self, worklist);
        let mut found = BTreeMap::new();
        for table in &job.tables {
            let request = request_of(table);
            for base in requests_of(&self.project, &request).map(|requests| requests.base).unwrap_or_default() {
                let key = base_key(&table.name, &base);
                let question = base_question(&self.project, &base);
                let Work::Days(days) = worklist.of_base(&key, &question, &base).work else { continue };
                let known = worklist.covered(&key, &question).into_iter().chain(before.iter().filter_map(|asked| asked.limit));
                let touching = worklist.touching(&days, joined(known.chain(days.iter().copied())));
                if let Ok(cells) = engine.fresh(&base, &touching) {
                    found.insert((key, touching), cells);
                }
            }
        }
        found
    }
}

/// The bytes of the files that the tables of a job read of which some days are to be computed.
fn bytes_of(worklist: &Worklist<'_>, job: &Job) -> Result<u64, JobError> {
    let mut files = BTreeMap::new();
    for table in &job.tables {
        let work = worklist.of_table(&table.name, &request_of(table)).map_err(JobError::Metrics)?;
        if work.decisions.iter().any(|(_, decision)| matches!(decision.work, Work::Days(_))) {
            files.extend(work.files);
        }
    }
    Ok(files.values().sum())
}

fn files_of(sources: &IndexMap<String, SourceFrame>) -> BTreeSet<(String, u64, Option<String>)> {
    sources.values().flat_map(|source| &source.files).map(|file| (file.address.clone(), file.size, file.etag.clone())).collect()
}
