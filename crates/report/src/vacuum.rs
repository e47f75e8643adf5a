//! Takes away what no reader needs any more: data files of old versions, and kept rows that no ledger refers to.
//!
//! In: an instant. Out: how many objects went. A file that the latest version has stays; so does one that a version had until after the
//! instant, and one that was written after it: a run may be about to commit it.

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
    /// Takes away the data files of a table that no version since an instant has.
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
        let stays = |file: &ObjectMeta| {
            let path = file.location.as_ref();
            let own = path.strip_prefix(&prefix).unwrap_or(path);
            own.starts_with("_delta_log/") || needed.contains(own) || file.last_modified >= before
        };
        self.take_away(name, &stays).await
    }

    /// Takes away kept rows that none of these paths name.
    ///
    /// # Errors
    /// A store that does not list or delete.
    pub async fn vacuum_kept(&self, needed: &BTreeSet<String>, before: DateTime<Utc>) -> Result<Vacuumed, ReportError> {
        self.take_away(KEPT, &|file| needed.contains(file.location.as_ref()) || file.last_modified >= before).await
    }

    async fn take_away(&self, folder: &str, stays: &(dyn Fn(&ObjectMeta) -> bool + Sync)) -> Result<Vacuumed, ReportError> {
        let fault = |source| ReportError::Unwritable { table: folder.to_owned(), location: self.location(folder), source: Box::new(source) };
        let found: Vec<ObjectMeta> = match self.store.list(Some(&Path::from(folder))).try_collect().await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(fault(error)),
        };
        let mut gone = Vacuumed::default();
        for file in found.iter().filter(|file| !stays(file)) {
            self.store.delete(&file.location).await.map_err(fault)?;
            gone.files += 1;
            gone.bytes += file.size;
        }
        Ok(gone)
    }
}
