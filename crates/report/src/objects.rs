//! Rows kept beside the result tables: stored cells, which a ledger refers to.
//!
//! In: a path under the results and rows. Out: a Parquet object. An object is written once, under a name that no other has, and never changed.

use arrow::array::RecordBatch;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use crate::delta::ResultStore;
use crate::error::ReportError;
use crate::file::{decode, encode};

/// The folder of kept rows under the results: its name hides it from readers of tables.
pub const KEPT: &str = "_kept";

impl ResultStore {
    /// Keeps rows under a path, and gives their size in bytes.
    ///
    /// # Errors
    /// Rows that cannot be encoded; a store that does not take them.
    pub async fn keep(&self, path: &str, rows: &RecordBatch) -> Result<u64, ReportError> {
        let bytes = encode(rows).map_err(|source| ReportError::Encode { table: path.to_owned(), source })?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let put = self.store.put(&Path::from(path), PutPayload::from(bytes)).await;
        put.map_err(|source| ReportError::Unwritable { table: path.to_owned(), location: self.location(path), source: Box::new(source) })?;
        Ok(size)
    }

    /// Kept rows; `None` where the object is gone, or is not the Parquet file that was kept: they can be computed again.
    ///
    /// # Errors
    /// A store that does not answer.
    pub async fn kept(&self, path: &str) -> Result<Option<RecordBatch>, ReportError> {
        let fault = |source| ReportError::Read { table: KEPT.to_owned(), location: self.location(path), file: path.to_owned(), source: Box::new(source) };
        let bytes = match self.store.get(&Path::from(path)).await {
            Ok(found) => found.bytes().await.map_err(fault)?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(fault(error)),
        };
        Ok(decode(bytes).ok())
    }
}
