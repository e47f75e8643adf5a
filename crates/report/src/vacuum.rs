//! Takes away what no reader needs any more: data files and log entries of old versions, and kept rows that no ledger refers to.
//!
//! In: an instant. Out: how many objects went. A file that the latest version has stays; so does one that a version had until after the
//! instant, and one that was written after it: a run may be about to commit it.
//! Of the log, entries go that come before a checkpoint which came before the version of that instant.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use crate::data_files::DataFiles;
use crate::delta::ResultStore;
use crate::error::ReportError;
use crate::objects::KEPT;

/// What was taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vacuumed {
    /// Objects.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

impl ResultStore {
    /// Takes away the data files of a table that no version since an instant has, and the entries of its log that no such version needs.
    ///
    /// # Errors
    /// A store that does not list or delete; a log that cannot be read.
    pub async fn vacuum(&self, name: &str, before: DateTime<Utc>) -> Result<Vacuumed, ReportError> {
        let table = self.open(name).await?;
        let Some(state) = &table.state else { return Ok(Vacuumed::default()) };
        let fault = |source| ReportError::Delta { table: name.to_owned(), location: self.location(name), doing: "vacuum", source: Box::new(source) };
        let mut needed: BTreeSet<String> = DataFiles::every(&table).read.into_iter().map(|file| file.path).collect();
        let log = table.log_store();
        let mut removed = state.all_tombstones(log.as_ref());
        while let Some(file) = removed.try_next().await.map_err(fault)? {
            if file.deletion_timestamp().is_some_and(|at| at >= before.timestamp_millis()) {
                needed.insert(file.path().into_owned());
            }
        }
        drop(removed);
        let prefix = format!("{name}/");
        let own = |file: &ObjectMeta| file.location.as_ref().strip_prefix(&prefix).unwrap_or_default().to_owned();
        let found = self.listed(name).await?;
        let first = first_needed(&found, before);
        let goes = |file: &&ObjectMeta| match own(file).strip_prefix("_delta_log/") {
            Some(entry) => version_of(entry).is_some_and(|version| version < first),
            None => !needed.contains(&own(file)) && file.last_modified < before,
        };
        self.take_away(name, found.iter().filter(goes)).await
    }

    /// Takes away kept rows that none of these paths name.
    ///
    /// # Errors
    /// A store that does not list or delete.
    pub async fn vacuum_kept(&self, needed: &BTreeSet<String>, before: DateTime<Utc>) -> Result<Vacuumed, ReportError> {
        let found = self.listed(KEPT).await?;
        let goes = |file: &&ObjectMeta| !needed.contains(file.location.as_ref()) && file.last_modified < before;
        self.take_away(KEPT, found.iter().filter(goes)).await
    }

    async fn listed(&self, folder: &str) -> Result<Vec<ObjectMeta>, ReportError> {
        match self.store.list(Some(&Path::from(folder))).try_collect().await {
            Ok(found) => Ok(found),
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(self.unwritable(folder, error)),
        }
    }

    async fn take_away(&self, folder: &str, files: impl Iterator<Item = &ObjectMeta>) -> Result<Vacuumed, ReportError> {
        let mut gone = Vacuumed::default();
        for file in files {
            self.store.delete(&file.location).await.map_err(|error| self.unwritable(folder, error))?;
            gone.files += 1;
            gone.bytes += file.size;
        }
        Ok(gone)
    }
}

/// The first version whose log entry is needed to read any version since an instant: that of the last checkpoint before them.
///
/// A checkpoint in several files is none here: whether all of them are there is not known.
fn first_needed(found: &[ObjectMeta], before: DateTime<Utc>) -> u64 {
    let versions = |ending: &'static str| found.iter().filter_map(move |file| Some((version_of(file.location.filename()?.strip_suffix(ending)?)?, file.last_modified)));
    let oldest = versions(".json").filter(|(_, at)| *at < before).map(|(version, _)| version).max();
    let checkpoints = versions(".checkpoint.parquet").map(|(version, _)| version);
    oldest.and_then(|oldest| checkpoints.filter(|version| *version <= oldest).max()).unwrap_or(0)
}

/// The version in the name of a log entry: its first part, of twenty digits.
fn version_of(entry: &str) -> Option<u64> {
    let digits = entry.split('.').next().unwrap_or_default();
    if digits.len() == 20 { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
