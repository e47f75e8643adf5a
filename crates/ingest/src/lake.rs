//! The tables of a lake: listed, checked, and ready to scan.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use polars::prelude::LazyFrame;
use quotient_model::SourceTable;
use tokio::runtime::Runtime;

use crate::check::{SchemaFault, check_file};
use crate::error::IngestError;
use crate::footer::{self, Footer};
use crate::location::Location;
use crate::scan::{self, FileSchema};
use crate::store::root_store;

/// How many footers are read at once.
const FOOTERS_AT_ONCE: usize = 32;

/// A file of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LakeFile {
    /// Path or URL.
    pub address: String,
    /// Bytes.
    pub size: u64,
    /// The store's tag for this version of the file, where it gives one.
    pub etag: Option<String>,
    /// Rows, as the footer counts them.
    pub rows: u64,
}

/// A table that can be scanned.
#[derive(Clone)]
pub struct SourceFrame {
    /// The declared columns.
    pub schema: SchemaRef,
    /// The rows, not read yet.
    pub frame: LazyFrame,
    /// The files, by address.
    pub files: Vec<LakeFile>,
    /// Declared columns that no file has; they read as null.
    pub absent: Vec<String>,
}

/// Reads source tables.
pub struct Lake {
    /// The folder that relative locations start from.
    base: PathBuf,
    env: BTreeMap<String, String>,
    runtime: Runtime,
}

struct Listed {
    location: Location,
    store: Arc<dyn ObjectStore>,
    files: Vec<ObjectMeta>,
}

impl Lake {
    /// A lake for a project that lies in `base`.
    ///
    /// # Errors
    /// [`IngestError::Runtime`] where the I/O runtime cannot start.
    pub fn new(base: impl Into<PathBuf>, env: BTreeMap<String, String>) -> Result<Self, IngestError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(IngestError::Runtime)?;
        Ok(Self { base: base.into(), env, runtime })
    }

    /// Lists, checks and opens tables. Nothing but listings and footers is read.
    ///
    /// # Errors
    /// The first location that cannot be listed; the first torn file; else every column of every table that is not as declared.
    pub fn open(&self, tables: &[&SourceTable]) -> Result<Vec<SourceFrame>, IngestError> {
        let mut frames = Vec::with_capacity(tables.len());
        let mut faults: Vec<SchemaFault> = Vec::new();
        for table in tables {
            let listed = self.runtime.block_on(self.listing(table))?;
            if listed.files.is_empty() && !table.optional {
                return Err(IngestError::NoFiles { table: table.name.clone(), location: table.location.clone() });
            }
            let footers = self.runtime.block_on(read_footers(table, &listed))?;
            let mut schemas = Vec::with_capacity(footers.len());
            let mut files = Vec::with_capacity(footers.len());
            for (meta, footer) in listed.files.iter().zip(footers) {
                let file = lake_file(&listed.location, meta, footer.rows);
                let partitions = partitions_of(meta.location.as_ref());
                faults.extend(check_file(table, &file.address, &footer.schema, &partitions));
                schemas.push(FileSchema { address: file.address.clone(), schema: footer.schema, partitions });
                files.push(file);
            }
            if faults.is_empty() {
                let scan_error = |source| IngestError::Scan { table: table.name.clone(), source };
                let absent = scan::absent_columns(table, &schemas);
                frames.push(SourceFrame { schema: scan::declared_schema(table), frame: scan::scan(table, &schemas, &self.env).map_err(scan_error)?, files, absent });
            }
        }
        if faults.is_empty() { Ok(frames) } else { Err(IngestError::Schema(faults)) }
    }

    async fn listing(&self, table: &SourceTable) -> Result<Listed, IngestError> {
        let location = Location::parse(&table.location, &self.base)?;
        let store = root_store(&location, &self.env)?;
        let failed = |e: object_store::Error| IngestError::List { table: table.name.clone(), location: location.text.clone(), reason: reason(&e) };
        let prefix = object_store::path::Path::from(location.prefix.as_str());
        let mut files: Vec<ObjectMeta> = if location.is_file() {
            match store.head(&prefix).await {
                Ok(meta) => vec![meta],
                Err(object_store::Error::NotFound { .. }) => Vec::new(),
                Err(e) => return Err(failed(e)),
            }
        } else {
            match store.list(Some(&prefix)).try_collect::<Vec<_>>().await {
                Ok(found) => found,
                Err(object_store::Error::NotFound { .. }) => Vec::new(),
                Err(e) => return Err(failed(e)),
            }
        };
        files.retain(|meta| location.is_file() || location.matches(meta.location.as_ref()));
        files.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(Listed { location, store, files })
    }
}

async fn read_footers(table: &SourceTable, listed: &Listed) -> Result<Vec<Footer>, IngestError> {
    futures::stream::iter(&listed.files)
        .map(|meta| async move {
            footer::read(Arc::clone(&listed.store), meta).await.map_err(|e| IngestError::Footer {
                table: table.name.clone(),
                file: listed.location.address(meta.location.as_ref()),
                reason: e.to_string(),
            })
        })
        .buffered(FOOTERS_AT_ONCE)
        .try_collect()
        .await
}

fn lake_file(location: &Location, meta: &ObjectMeta, rows: u64) -> LakeFile {
    LakeFile { address: location.address(meta.location.as_ref()), size: meta.size, etag: meta.e_tag.clone(), rows }
}

/// The `key=value` folders of a path.
fn partitions_of(key: &str) -> Vec<(String, String)> {
    key.split('/').filter_map(|part| part.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The innermost message of an error: `object_store` wraps the server's answer several times.
fn reason(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(next) = inner.source() {
        inner = next;
    }
    inner.to_string()
}
