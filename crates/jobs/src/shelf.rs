//! Where the results of a job lie, opened for reading and writing from ordinary threads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use quotient_ingest::{existing_store, open_store};
use quotient_model::Job;
use quotient_report::{ReportError, ResultStore, TableWrite, Vacuumed, Written};
use tokio::runtime::Runtime;

use crate::error::JobError;
use crate::workspace::Workspace;

/// Logs that are listed at once.
const LOGS_AT_ONCE: usize = 16;

/// The results of a job. A local folder that is not there is made by the first write.
pub(crate) struct Shelf {
    location: String,
    env: BTreeMap<String, String>,
    runtime: Runtime,
}

impl Shelf {
    /// The results of a job; nothing is opened yet.
    pub(crate) fn open(workspace: &Workspace, job: &Job) -> Result<Self, JobError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(JobError::Runtime)?;
        Ok(Self { location: job.results.clone(), env: workspace.env.clone(), runtime })
    }

    /// Results in a folder.
    #[cfg(test)]
    pub(crate) fn at(location: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { location: location.to_owned(), env: BTreeMap::new(), runtime }
    }

    fn store(&self) -> Result<ResultStore, JobError> {
        let opened = open_store(&self.location, Path::new(""), &self.env).map_err(JobError::Results)?;
        Ok(ResultStore { store: opened.store, url: opened.url })
    }

    fn store_that_is_there(&self) -> Result<Option<ResultStore>, JobError> {
        let opened = existing_store(&self.location, Path::new(""), &self.env).map_err(JobError::Results)?;
        Ok(opened.map(|opened| ResultStore { store: opened.store, url: opened.url }))
    }

    /// All rows of a table; `None` where there is none.
    pub(crate) fn read(&self, table: &str) -> Result<Option<RecordBatch>, JobError> {
        let Some(store) = self.store_that_is_there()? else { return Ok(None) };
        self.runtime.block_on(store.read(table)).map_err(JobError::Output)
    }

    /// All rows of an earlier version of a table.
    pub(crate) fn read_at(&self, table: &str, version: i64) -> Result<Option<RecordBatch>, JobError> {
        let Some(store) = self.store_that_is_there()? else { return Ok(None) };
        self.runtime.block_on(store.read_at(table, version)).map_err(JobError::Output)
    }

    /// Gives the rows of a table, or of an earlier version of it, whose periods end after a day, some months at a time; others may be among them.
    pub(crate) fn visit_ending_after(
        &self,
        table: &str,
        after: (i32, Option<i64>),
        visit: impl FnMut(Vec<(Range<i32>, RecordBatch)>) -> Result<(), ArrowError>,
    ) -> Result<(), JobError> {
        let Some(store) = self.store_that_is_there()? else { return Ok(()) };
        self.runtime.block_on(store.visit_ending_after(table, after, visit)).map_err(JobError::Output)
    }

    /// The latest versions of tables, by listings alone; a table that is not there has none.
    pub(crate) fn versions(&self, tables: Vec<String>) -> Result<BTreeMap<String, i64>, JobError> {
        let Some(store) = &self.store_that_is_there()? else { return Ok(BTreeMap::new()) };
        let looks = futures::stream::iter(tables).map(|table| async move { Ok::<_, ReportError>((store.listed_version(&table).await?, table)) });
        let found = self.runtime.block_on(looks.buffer_unordered(LOGS_AT_ONCE).try_collect::<Vec<_>>()).map_err(JobError::Output)?;
        Ok(found.into_iter().filter_map(|(version, table)| Some((table, version?))).collect())
    }

    /// The number of the last write of an application to a table; 0 before the first.
    pub(crate) fn last_write(&self, table: &str, application: &str) -> Result<i64, JobError> {
        let Some(store) = self.store_that_is_there()? else { return Ok(0) };
        let number = self.runtime.block_on(store.last_write(table, application)).map_err(JobError::Output)?;
        Ok(number.unwrap_or(0))
    }

    /// Writes a table.
    pub(crate) fn write(&self, write: &TableWrite) -> Result<Written, JobError> {
        self.runtime.block_on(self.store()?.write(write)).map_err(JobError::Output)
    }

    /// Writes a table if its rows are as expected.
    pub(crate) fn exchange(&self, write: &TableWrite, holds: &(dyn Fn(Option<&RecordBatch>) -> bool + Sync)) -> Result<Written, JobError> {
        self.runtime.block_on(self.store()?.exchange(write, holds)).map_err(JobError::Output)
    }

    /// Keeps rows under paths.
    pub(crate) fn keep(&self, objects: Vec<(String, RecordBatch)>) -> Result<(), JobError> {
        self.runtime.block_on(self.store()?.keep(objects)).map_err(JobError::Output)
    }

    /// The paths of kept objects below a folder of theirs.
    pub(crate) fn kept_paths(&self, folder: &str) -> Result<BTreeSet<String>, JobError> {
        let Some(store) = self.store_that_is_there()? else { return Ok(BTreeSet::new()) };
        self.runtime.block_on(store.kept_paths(folder)).map_err(JobError::Output)
    }

    /// Where the results are.
    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    /// Kept rows under some paths, in their order.
    pub(crate) fn kept(&self, paths: Vec<String>) -> Result<Vec<RecordBatch>, JobError> {
        self.runtime.block_on(self.store()?.kept(paths)).map_err(JobError::Output)
    }

    /// Takes away data files of a table that no version since an instant has.
    pub(crate) fn vacuum(&self, table: &str, before: DateTime<Utc>) -> Result<Vacuumed, JobError> {
        let Some(store) = self.store_that_is_there()? else { return Ok(Vacuumed::default()) };
        self.runtime.block_on(store.vacuum(table, before)).map_err(JobError::Output)
    }

    /// Takes away kept rows that none of these paths name.
    pub(crate) fn vacuum_kept(&self, needed: &BTreeSet<String>, before: DateTime<Utc>) -> Result<Vacuumed, JobError> {
        let Some(store) = self.store_that_is_there()? else { return Ok(Vacuumed::default()) };
        self.runtime.block_on(store.vacuum_kept(needed, before)).map_err(JobError::Output)
    }
}
