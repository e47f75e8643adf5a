//! Rows kept beside the result tables: stored cells, which a ledger refers to.
//!
//! In: paths under the results, and rows. Out: Parquet objects. An object is written once, under a name that no other has, and never changed.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use rayon::prelude::*;

use crate::delta::ResultStore;
use crate::error::ReportError;
use crate::file::{decode, encode_kept};

/// Kept objects that are fetched or put at once.
const OBJECTS_AT_ONCE: usize = 16;

/// The folder of kept rows under the results: its name hides it from readers of tables.
pub const KEPT: &str = "_kept";

impl ResultStore {
    /// Keeps rows under paths.
    ///
    /// # Errors
    /// Rows that cannot be encoded; a store that does not take them.
    pub async fn keep(&self, objects: Vec<(String, RecordBatch)>) -> Result<(), ReportError> {
        // As many at once as there are threads: all of them would be in memory a second time.
        for group in objects.chunks(rayon::current_num_threads().max(1)) {
            let encoded: Vec<_> = group.par_iter().map(|(path, rows)| (path, encode_kept(rows))).collect();
            let puts = futures::stream::iter(encoded).map(|(path, bytes)| async move {
                let bytes = bytes.map_err(|source| ReportError::Encode { table: path.clone(), source })?;
                let put = self.store.put(&Path::from(path.as_str()), PutPayload::from(bytes)).await;
                put.map_err(|source| ReportError::Unwritable { table: path.clone(), location: self.location(path), source: Box::new(source) })
            });
            puts.buffer_unordered(OBJECTS_AT_ONCE).try_for_each(|_| async { Ok(()) }).await?;
        }
        Ok(())
    }

    /// Kept rows under some paths, in their order.
    ///
    /// # Errors
    /// An object that is gone, or is not the Parquet file that was kept; a store that does not answer.
    pub async fn kept(&self, paths: Vec<String>) -> Result<Vec<RecordBatch>, ReportError> {
        let gets = futures::stream::iter(paths).map(|path| async move { Ok::<_, ReportError>((self.bytes_kept(&path).await?, path)) });
        let found: Vec<_> = gets.buffered(OBJECTS_AT_ONCE).try_collect().await?;
        let rows = |(bytes, file): (Bytes, String)| {
            decode(bytes, &|_| false).map_err(|source| ReportError::Damaged { table: KEPT.to_owned(), location: self.location(&file), file, source })
        };
        found.into_par_iter().map(rows).collect()
    }

    /// The paths of kept objects below a folder of theirs.
    ///
    /// # Errors
    /// A store that does not list.
    pub async fn kept_paths(&self, folder: &str) -> Result<BTreeSet<String>, ReportError> {
        let found: Vec<ObjectMeta> = match self.store.list(Some(&Path::from(folder))).try_collect().await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(source) => return Err(ReportError::Read { table: KEPT.to_owned(), location: self.location(folder), file: folder.to_owned(), source: Box::new(source) }),
        };
        Ok(found.into_iter().map(|object| object.location.to_string()).collect())
    }

    async fn bytes_kept(&self, path: &str) -> Result<Bytes, ReportError> {
        let fault = |source| ReportError::Read { table: KEPT.to_owned(), location: self.location(path), file: path.to_owned(), source: Box::new(source) };
        self.store.get(&Path::from(path)).await.map_err(fault)?.bytes().await.map_err(fault)
    }
}
