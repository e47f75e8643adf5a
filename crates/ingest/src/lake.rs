//! The tables of a lake: listed, checked, and ready to scan.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use chrono::NaiveDate;
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use polars::prelude::{IntoLazy, LazyFrame};
use quotient_model::{ColumnType, SourceTable};
use tokio::runtime::Runtime;

use crate::check::{SchemaFault, check_file};
use crate::error::IngestError;
use crate::footer::{self, Footer};
use crate::location::Location;
use crate::scan;
use crate::store::root_store;

/// Files from which on a table of few rows is read once.
const MANY_FILES: usize = 16;

/// Rows up to which a table of many files is read once.
const FEW_ROWS: u64 = 500_000;

/// How many footers are read at once.
const FOOTERS_AT_ONCE: usize = 32;

/// A file as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Path or URL.
    pub address: String,
    /// Bytes.
    pub size: u64,
    /// The store's tag for this version of the file, where it gives one.
    pub etag: Option<String>,
}

/// A file of a table, with what its footer says.
#[derive(Debug, Clone, PartialEq)]
pub struct LakeFile {
    /// Path or URL.
    pub address: String,
    /// Bytes.
    pub size: u64,
    /// The store's tag for this version of the file, where it gives one.
    pub etag: Option<String>,
    /// Rows, as the footer counts them.
    pub rows: u64,
    /// The columns in the file.
    pub schema: SchemaRef,
    /// The first and last moment of its time columns; a column whose statistics are missing is not here.
    pub times: BTreeMap<String, Moments>,
}

impl LakeFile {
    /// Whether a listing shows the same version of this file; without a tag, the size has to do.
    #[must_use]
    pub fn is(&self, listed: &ListedFile) -> bool {
        self.address == listed.address && self.size == listed.size && self.etag == listed.etag
    }
}

/// The first and the last moment of a time column in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    /// What the numbers are.
    pub kind: TimeKind,
    /// First and last; `None` where every row is null.
    pub range: Option<(i64, i64)>,
}

/// How a time column counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeKind {
    /// Days since 1970-01-01.
    Day,
    /// Microseconds UTC.
    Instant,
    /// Microseconds on a wall clock without zone.
    Local,
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
    table: Arc<SourceTable>,
    env: Arc<BTreeMap<String, String>>,
}

impl SourceFrame {
    /// The table with the rows of some of its files only.
    ///
    /// # Errors
    /// [`IngestError::Scan`] where Polars refuses the scan.
    pub fn part(&self, keep: &dyn Fn(&LakeFile) -> bool) -> Result<Self, IngestError> {
        let files: Vec<LakeFile> = self.files.iter().filter(|file| keep(file)).cloned().collect();
        let frame = scan::scan(&self.table, &files, &self.env).map_err(|source| IngestError::Scan { table: self.table.name.clone(), source })?;
        Ok(Self { frame, files, ..self.clone() })
    }

    /// The same with its rows in memory where many files have few rows: every scan would open every file.
    ///
    /// # Errors
    /// [`IngestError::Scan`] where a file cannot be read.
    pub fn gathered(self) -> Result<Self, IngestError> {
        let rows: u64 = self.files.iter().map(|file| file.rows).sum();
        if self.files.len() < MANY_FILES || rows > FEW_ROWS {
            return Ok(self);
        }
        let read = self.frame.clone().collect().map_err(|source| IngestError::Scan { table: self.table.name.clone(), source })?;
        Ok(Self { frame: read.lazy(), ..self })
    }
}

/// Files whose footers were read before, by address.
pub type KnownFiles = BTreeMap<String, LakeFile>;

/// Reads source tables.
pub struct Lake {
    /// The folder that relative locations start from.
    base: PathBuf,
    env: Arc<BTreeMap<String, String>>,
    runtime: Runtime,
}

/// The files of a table, listed and not opened.
pub struct Listing {
    location: Location,
    store: Arc<dyn ObjectStore>,
    files: Vec<ObjectMeta>,
}

impl Listing {
    /// The files, in the order of names.
    pub fn files(&self) -> impl Iterator<Item = ListedFile> {
        self.files.iter().map(|meta| listed_file(&self.location, meta))
    }
}

impl Lake {
    /// A lake for a project that lies in `base`.
    ///
    /// # Errors
    /// [`IngestError::Runtime`] where the I/O runtime cannot start.
    pub fn new(base: impl Into<PathBuf>, env: BTreeMap<String, String>) -> Result<Self, IngestError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(IngestError::Runtime)?;
        Ok(Self { base: base.into(), env: Arc::new(env), runtime })
    }

    /// Lists the files of tables. Nothing is opened.
    ///
    /// # Errors
    /// The first location that cannot be listed, or that has no file and must have one.
    pub fn list(&self, tables: &[&SourceTable]) -> Result<Vec<Listing>, IngestError> {
        tables.iter().map(|table| self.listed(table)).collect()
    }

    /// Lists, checks and opens tables.
    ///
    /// # Errors
    /// As [`Lake::list`] and [`Lake::open_listed`].
    pub fn open(&self, tables: &[&SourceTable]) -> Result<Vec<SourceFrame>, IngestError> {
        self.open_listed(tables, &self.list(tables)?, &KnownFiles::new())
    }

    /// Checks and opens tables that were listed. Nothing is read but the footers of files that are not known in this version.
    ///
    /// # Errors
    /// The first torn file; else every column of every table that is not as declared.
    pub fn open_listed(&self, tables: &[&SourceTable], listings: &[Listing], known: &KnownFiles) -> Result<Vec<SourceFrame>, IngestError> {
        let mut frames = Vec::with_capacity(tables.len());
        let mut faults: Vec<SchemaFault> = Vec::new();
        for (table, listed) in tables.iter().zip(listings) {
            let files = self.runtime.block_on(read_files(table, listed, known))?;
            for file in &files {
                faults.extend(check_file(table, &file.address, &file.schema, &partitions_of(&file.address)));
            }
            if faults.is_empty() {
                let frame = scan::scan(table, &files, &self.env).map_err(|source| IngestError::Scan { table: table.name.clone(), source })?;
                let absent = scan::absent_columns(table, &files);
                frames.push(SourceFrame { schema: scan::declared_schema(table), frame, files, absent, table: Arc::new((*table).clone()), env: Arc::clone(&self.env) });
            }
        }
        if faults.is_empty() { Ok(frames) } else { Err(IngestError::Schema(faults)) }
    }

    fn listed(&self, table: &SourceTable) -> Result<Listing, IngestError> {
        let listed = self.runtime.block_on(self.listing(table))?;
        if listed.files.is_empty() && !table.optional {
            return Err(IngestError::NoFiles { table: table.name.clone(), location: table.location.clone() });
        }
        Ok(listed)
    }

    async fn listing(&self, table: &SourceTable) -> Result<Listing, IngestError> {
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
        Ok(Listing { location, store, files })
    }
}

async fn read_files(table: &SourceTable, listed: &Listing, known: &KnownFiles) -> Result<Vec<LakeFile>, IngestError> {
    futures::stream::iter(&listed.files)
        .map(|meta| async move {
            let ListedFile { address, size, etag } = listed_file(&listed.location, meta);
            let version = ListedFile { address: address.clone(), size, etag: etag.clone() };
            if let Some(file) = known.get(&address).filter(|file| file.etag.is_some() && file.is(&version)) {
                return Ok(file.clone());
            }
            let Footer { schema, rows, times } =
                footer::read(Arc::clone(&listed.store), meta).await.map_err(|e| IngestError::Footer { table: table.name.clone(), file: address.clone(), reason: e.to_string() })?;
            let times = times.into_iter().chain(days_of_path(table, &address, &schema)).collect();
            Ok(LakeFile { address, size, etag, rows, schema, times })
        })
        .buffered(FOOTERS_AT_ONCE)
        .try_collect()
        .await
}

fn listed_file(location: &Location, meta: &ObjectMeta) -> ListedFile {
    ListedFile { address: location.address(meta.location.as_ref()), size: meta.size, etag: meta.e_tag.clone() }
}

/// The days that the folders of a path give to the rows of a file.
fn days_of_path(table: &SourceTable, address: &str, schema: &SchemaRef) -> Vec<(String, Moments)> {
    let is_day = |name: &str| schema.field_with_name(name).is_err() && table.columns.iter().any(|column| column.name == name && column.data_type == ColumnType::Date);
    let day = |value: &str| value.parse::<NaiveDate>().ok().map(|day| i64::from(day.to_epoch_days()));
    let moments = |(name, value): (String, String)| {
        let day = day(&value).filter(|_| is_day(&name))?;
        Some((name, Moments { kind: TimeKind::Day, range: Some((day, day)) }))
    };
    partitions_of(address).into_iter().filter_map(moments).collect()
}

/// The `key=value` folders of a path.
pub(crate) fn partitions_of(key: &str) -> Vec<(String, String)> {
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
