//! Where kept cells lie: objects under the results, one for each request and year of periods.
//!
//! In: the answer to a request. Out: what the next ledger says of it, and the answer again, or some years of it. An answer of many cells is put
//! here as soon as it is known, and read again when its table is derived: those of all tables would take most of the memory of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use arrow::array::RecordBatch;
use quotient_model::{Job, short_hash};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::answers::{Answered, Changed, Held};
use crate::error::JobError;
use crate::ledger::{Kept, KeptCells, Ledger};
use crate::publish::folder;
use crate::results::refused;
use crate::shelf::Shelf;
use crate::side_by_side::locked;
use crate::stored_cells::{NO_YEAR, Stored};
use crate::workspace::Workspace;

/// There are many answers: of rows that are read at once, each may keep one cell in so many in memory.
const ROWS_FOR_A_CELL: u64 = 20;

/// The kept cells of a job, and the names under which a run puts new ones.
pub(crate) struct CellShelf<'a> {
    shelf: &'a Shelf,
    folder: String,
    /// What the last run kept.
    last: &'a KeptCells,
    /// Requests of which an object is gone.
    gone: BTreeSet<String>,
    /// Objects that were found to be gone or damaged as they were read.
    lost: &'a Mutex<BTreeSet<String>>,
    /// Cells up to which an answer waits in memory for its table.
    most_in_memory: u64,
    /// What tells objects of this run from all others.
    mark: String,
}

impl<'a> CellShelf<'a> {
    /// That of a run with a number and a name, after the one of a ledger, of which cells of some requests are gone.
    pub(crate) fn new(
        (workspace, job): (&Workspace, &Job),
        (last, gone): (&'a Ledger, BTreeSet<String>),
        (epoch, run_id): (i64, &str),
        (shelf, lost): (&'a Shelf, &'a Mutex<BTreeSet<String>>),
    ) -> Self {
        let most_in_memory = workspace.rows_at_once / ROWS_FOR_A_CELL;
        Self { shelf, folder: folder(&job.name), last: &last.cells, gone, lost, most_in_memory, mark: format!("{epoch}-{run_id}-{}", Uuid::new_v4()) }
    }

    /// What the last run kept of a request.
    pub(crate) fn last(&self, key: &str) -> Option<&'a Kept> {
        self.last.get(key).filter(|_| !self.gone.contains(key))
    }

    /// An answer as it waits for its table; where it has only the years from one on, the others lie here already.
    pub(crate) fn hold(&self, key: &str, stored: Stored, from: Option<i32>, answered: Answered<()>) -> Result<Answered, JobError> {
        let cells: usize = stored.batches.iter().map(RecordBatch::num_rows).sum();
        let few = u64::try_from(cells).is_ok_and(|cells| cells <= self.most_in_memory);
        let cells = if few && from.is_none() { Held::There(stored) } else { Held::Put(self.put(key, stored, from, &answered)?) };
        Ok(answered.with(cells))
    }

    /// Puts an answer where it stays: nobody refers to it before the ledger does. Years that do not differ from what was kept stay as they are.
    pub(crate) fn put<C>(&self, key: &str, stored: Stored, from: Option<i32>, answered: &Answered<C>) -> Result<Kept, JobError> {
        let Answered { changes, covered, first_day, .. } = answered;
        let (known, years) = match changes {
            Changed::Everywhere { .. } => (None, None),
            Changed::Since { years, .. } => (self.last.get(key), Some(years)),
        };
        if let Some(known) = known.filter(|_| years.is_some_and(BTreeSet::is_empty)) {
            return Ok(Kept { covered: covered.clone(), first_day: *first_day, ..known.clone() });
        }
        let parts = stored.parts().map_err(|error| refused(key, &error))?;
        let Stored { question, batches } = stored;
        drop(batches);
        let is_unread = |year: i32| from.is_some_and(|from| year < from && year != NO_YEAR);
        let unread = known.iter().flat_map(|known| &known.parts).filter(|(year, _)| is_unread(**year));
        let mut paths: BTreeMap<i32, String> = unread.map(|(year, path)| (*year, path.clone())).collect();
        let mut objects = Vec::new();
        let name = short_hash(Sha256::new_with_prefix(key));
        for (year, rows) in parts {
            let unchanged = known.and_then(|known| known.parts.get(&year)).filter(|_| years.is_some_and(|years| !years.contains(&year)));
            let path = unchanged.cloned().unwrap_or_else(|| {
                let path = format!("{}/{name}/{year}-{}.parquet", self.folder, self.mark);
                objects.push((path.clone(), rows));
                path
            });
            paths.insert(year, path);
        }
        self.shelf.keep(objects)?;
        Ok(Kept { question, parts: paths, covered: covered.clone(), first_day: *first_day })
    }

    /// An answer that lies here, of the years that are wanted. Objects that are gone or damaged count as lost from now on: their cells can be
    /// computed again.
    pub(crate) fn read(&self, key: &str, kept: &Kept, is_wanted: &dyn Fn(i32) -> bool) -> Result<Stored, JobError> {
        let wanted = kept.parts.iter().filter(|(year, _)| **year == NO_YEAR || is_wanted(**year)).map(|(_, path)| path.clone());
        let mut paths: Vec<String> = wanted.collect();
        // A part has the columns also where no row is wanted.
        let columns_alone = paths.is_empty();
        paths.extend(kept.parts.values().next().filter(|_| columns_alone).cloned());
        let read = self.shelf.kept(paths.clone()).and_then(|parts| {
            let parts: Vec<RecordBatch> = if columns_alone { parts.iter().map(|part| part.slice(0, 0)).collect() } else { parts };
            Stored::of_parts(kept.question.clone(), &parts).map_err(|error| refused(key, &error))
        });
        match &read {
            // They do not have the columns of these cells.
            Err(JobError::Metrics(_)) => locked(self.lost).extend(paths),
            Err(JobError::Output(error)) => locked(self.lost).extend(error.lost_file().map(str::to_owned)),
            _ => {}
        }
        read
    }
}

/// Requests of which an object that the last run kept is not there.
pub(crate) fn lost_cells(ledger: &Ledger, there: &BTreeSet<String>) -> BTreeSet<String> {
    ledger.cells.iter().filter(|(_, kept)| !kept.parts.values().all(|path| there.contains(path))).map(|(key, _)| key.clone()).collect()
}

#[cfg(test)]
mod tests;
