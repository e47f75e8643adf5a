//! Reads the schemas in Parquet footers.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::arrow::async_reader::MetadataFetch;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaDataReader;

/// Bytes that are asked for at once: most footers fit.
const PREFETCH: usize = 64 * 1024;

/// The schema of one file and the rows that its footer counts.
pub(crate) struct Footer {
    pub(crate) schema: SchemaRef,
    pub(crate) rows: u64,
}

struct Fetch {
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl MetadataFetch for Fetch {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { self.store.get_range(&self.path, range).await.map_err(|e| ParquetError::External(Box::new(e))) }.boxed()
    }
}

/// Reads one footer.
pub(crate) async fn read(store: Arc<dyn ObjectStore>, meta: &ObjectMeta) -> Result<Footer, ParquetError> {
    let fetch = Fetch { store, path: meta.location.clone() };
    let metadata = ParquetMetaDataReader::new().with_prefetch_hint(Some(PREFETCH)).load_and_finish(fetch, meta.size).await?;
    let file = metadata.file_metadata();
    Ok(Footer { schema: Arc::new(parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?), rows: u64::try_from(file.num_rows()).unwrap_or(0) })
}
