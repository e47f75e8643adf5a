//! The result tables: each a Delta table in a folder of its name under the results.
//!
//! In: a store that is rooted at the results, rows and the periods that they replace. Out: a version, written in one commit, or none.
//! A write replaces the files whose rows may differ: a reader sees the version before or the version after.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use deltalake::logstore::{StorageConfig, default_logstore};
use deltalake::{DeltaTable, DeltaTableError};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};
use rayon::prelude::*;
use url::Url;

use crate::commit::{Committed, PutFiles, ROWS_OF_ONE_FILE};
use crate::data_files::{DataFile, DataFiles, Stretch};
use crate::error::ReportError;
use crate::file::decode;
use crate::merge::{Merged, merge, same_columns};
use crate::new_rows::{ByEnd, NewRows};
use crate::ordered::Ordered;
use crate::stable::{Misfit, align, coded, is_text};

/// Data files that are fetched at once.
const FILES_AT_ONCE: usize = 8;

/// Months of a table that are compared at once.
const MONTHS_AT_ONCE: usize = 4;

/// How often a commit is tried again after another run wrote the same table.
const RETRIES: usize = 8;

/// Which rows of a table new rows take the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replace {
    /// All of them.
    All,
    /// Those of late periods.
    EndingAfter(EndingAfter),
    /// Those whose text in a column is this one: a table that several jobs share holds each job's rows under its name.
    Where {
        /// The column.
        column: String,
        /// The text.
        value: String,
    },
}

/// The rows of periods that end after a day: the table has the column `period_end` (date), and so has every new row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndingAfter {
    /// The day, as days since 1970-01-01.
    pub day: i32,
    /// A column of text, and days no earlier than `day` for rows with some of its texts.
    pub by: Option<(String, BTreeMap<String, i32>)>,
    /// Only rows with this text in this column, where a table is shared.
    pub only: Option<(String, String)>,
}

/// What is to be written to a table.
#[derive(Debug, Clone)]
pub struct TableWrite {
    /// The table.
    pub name: String,
    /// The new rows. Columns that the table does not have are added to it.
    pub rows: NewRows,
    /// The rows that they replace.
    pub replace: Replace,
    /// Columns that do not count as a change, such as `run_id` and `computed_at`: where only they differ, the old row stays.
    pub ignore: Vec<String>,
    /// An application's name, one per job and table, and a number that grows with each of its runs.
    /// A table that has a higher number of the application was written by a later run, and is left as it is.
    pub transaction: (String, i64),
}

impl TableWrite {
    /// Whether its rows are made as they are written, and are all that the table will have if it is not there yet.
    fn is_made_whole(&self) -> bool {
        matches!(self.rows, NewRows::Made(_)) && matches!(self.replace, Replace::All | Replace::Where { .. })
    }
}

/// What must hold of the rows that a table has, `None` where there is no table.
pub type Holds<'a> = &'a (dyn Fn(Option<&RecordBatch>) -> bool + Sync);

/// What a write changes.
struct Change {
    /// The new files; none where the table says the same already.
    put: Option<PutFiles>,
    /// The paths of files that are no part of the table any more.
    taken_out: BTreeSet<String>,
    /// Rows in the table afterwards.
    rows: u64,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The table.
    pub name: String,
    /// The version that holds the rows: the new one, or the one that held them already.
    pub version: i64,
    /// Whether there was anything to commit.
    pub changed: bool,
    /// Rows in the table now.
    pub rows: u64,
}

/// Where result tables lie.
#[derive(Clone)]
pub struct ResultStore {
    /// A store whose root is the results: on S3 it must put with `If-None-Match`, which is what `PutMode::Create` asks for.
    pub store: Arc<dyn ObjectStore>,
    /// What people call that place, for messages.
    pub url: Url,
}

impl fmt::Debug for ResultStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ResultStore").field(&self.place()).finish()
    }
}

impl ResultStore {
    /// Writes a table in one commit; where the table says the same already, there is no commit.
    ///
    /// The table is made if it is not there.
    /// Rows that are not replaced stay; a column that new rows do not have stays while a kept row has a value in it.
    /// Rows are ordered by grain, period and dimensions; a table without periods keeps the order given.
    ///
    /// # Errors
    /// [`ReportError::Concurrent`] if a later run of the same application wrote the table, or one at the same time;
    /// [`ReportError::Schema`] for columns that no table can hold; else what went wrong with the store or its files.
    pub async fn write(&self, write: &TableWrite) -> Result<Written, ReportError> {
        let table = self.open(&write.name).await?;
        self.write_from(table, write, None).await
    }

    /// Writes a table if its rows are still as expected: a comparison and an exchange in one commit.
    ///
    /// In: what must hold of the rows that the table has now, `None` where there is no table.
    ///
    /// # Errors
    /// [`ReportError::Concurrent`] if it does not hold; as [`ResultStore::write`].
    pub async fn exchange(&self, write: &TableWrite, holds: Holds<'_>) -> Result<Written, ReportError> {
        let table = self.open(&write.name).await?;
        self.write_from(table, write, Some(holds)).await
    }

    /// All rows of a table's latest version, in order; `None` if there is no such table.
    ///
    /// # Errors
    /// What went wrong with the store or its files.
    pub async fn read(&self, name: &str) -> Result<Option<RecordBatch>, ReportError> {
        let table = self.open(name).await?;
        self.rows(name, &table, &DataFiles::every(&table).read).await
    }

    /// The rows of a table's files that may have periods that end after a day: those rows, and others beside them; text is in codes.
    ///
    /// `visit` is given some months at once, those of each with the days on which all of their periods end, and no others do.
    ///
    /// # Errors
    /// As [`ResultStore::read`]; of an earlier version as [`ResultStore::read_at`]; what `visit` refuses.
    pub async fn visit_ending_after(
        &self,
        name: &str,
        (day, version): (i32, Option<i64>),
        mut visit: impl FnMut(Vec<(Range<i32>, RecordBatch)>) -> Result<(), ArrowError>,
    ) -> Result<(), ReportError> {
        let table = match version {
            None => self.open(name).await?,
            Some(version) => self.open_at(name, version).await?,
        };
        let schema = schema_of(&table, &|_| true);
        for months in DataFiles::ending_after(&table, day).by_months(std::iter::empty()).chunks(MONTHS_AT_ONCE) {
            let mut found = Vec::with_capacity(months.len());
            for Stretch { days, files } in months {
                found.extend(self.counted_rows(name, &table, &files.read, &schema).await?.0.map(|rows| (days.clone(), rows)));
            }
            visit(found).map_err(ReportError::rows(name, "compare"))?;
        }
        Ok(())
    }

    /// All rows of an earlier version of a table; `None` if there is no such table.
    ///
    /// # Errors
    /// A version that is not there any more; what went wrong with the store or its files.
    pub async fn read_at(&self, name: &str, version: i64) -> Result<Option<RecordBatch>, ReportError> {
        let table = self.open_at(name, version).await?;
        self.rows(name, &table, &DataFiles::every(&table).read).await
    }

    async fn open_at(&self, name: &str, version: i64) -> Result<DeltaTable, ReportError> {
        let mut table = self.open(name).await?;
        if table.state.is_some() {
            let fault = |source| ReportError::Delta { table: name.to_owned(), location: self.location(name), doing: "open an earlier version of", source: Box::new(source) };
            table.load_version(u64::try_from(version).unwrap_or_default()).await.map_err(fault)?;
        }
        Ok(table)
    }

    /// The number of the last write of an application to a table.
    ///
    /// # Errors
    /// What went wrong with the store or the table's log.
    pub async fn last_write(&self, name: &str, application: &str) -> Result<Option<i64>, ReportError> {
        let table = self.open(name).await?;
        self.last_number(name, &table, application).await
    }

    /// The latest version of a table by the names in its log, which is not read; `None` if there is no such table.
    ///
    /// # Errors
    /// A store that does not list.
    pub async fn listed_version(&self, name: &str) -> Result<Option<i64>, ReportError> {
        let log = Path::from(format!("{name}/_delta_log"));
        let names = match self.store.list(Some(&log)).try_collect::<Vec<_>>().await {
            Ok(entries) => entries,
            Err(object_store::Error::NotFound { .. }) => Vec::new(),
            Err(source) => return Err(ReportError::Read { table: name.to_owned(), location: self.location(name), file: log.to_string(), source: Box::new(source) }),
        };
        Ok(names.iter().filter_map(|entry| entry.location.filename()?.strip_suffix(".json")?.parse().ok()).max())
    }

    /// The latest version of a table; `None` if there is no such table.
    ///
    /// # Errors
    /// What went wrong with the store or the table's log.
    pub async fn version(&self, name: &str) -> Result<Option<i64>, ReportError> {
        let table = self.open(name).await?;
        Ok(table.version().map(number))
    }

    /// Writes onto a version that was opened before; what holds of its rows is asked where something must.
    pub(crate) async fn write_from(&self, mut table: DeltaTable, write: &TableWrite, holds: Option<Holds<'_>>) -> Result<Written, ReportError> {
        for attempt in 0..=RETRIES {
            let (application, own) = &write.transaction;
            let last = self.last_number(&write.name, &table, application).await?;
            // Who was overtaken by a run of the same number cannot tell which of the two came first.
            let overtaken = last.is_some_and(|last| last > *own || (attempt > 0 && last == *own));
            if overtaken {
                return Err(ReportError::Concurrent { table: write.name.clone() });
            }
            let Change { put, taken_out, rows } = self.change(&table, write, holds).await?;
            let written = |version: u64, changed: bool| Written { name: write.name.clone(), version: number(version), changed, rows };
            let Some(put) = put else { return Ok(written(table.version().unwrap_or_default(), false)) };
            match Box::pin(self.commit(&table, write, put, &taken_out)).await? {
                Committed::Version(version) => return Ok(written(version, true)),
                Committed::Overtaken => table = self.open(&write.name).await?,
            }
        }
        Err(ReportError::Concurrent { table: write.name.clone() })
    }

    /// What a write changes of a version of a table, the new files put.
    async fn change(&self, table: &DeltaTable, write: &TableWrite, holds: Option<Holds<'_>>) -> Result<Change, ReportError> {
        let name = write.name.as_str();
        let files = DataFiles::of(table, write);
        let new = write.rows.schema().map_err(ReportError::rows(name, "make"))?;
        if table.state.is_none() && write.is_made_whole() && holds.is_none_or(|holds| holds(None)) {
            // Nothing to compare with: files are written as their rows are made.
            let mut put = PutFiles::of(new);
            self.put(name, &write.rows, &mut put).await?;
            return Ok(Change { put: Some(put), taken_out: BTreeSet::new(), rows: row_count(write.rows.count()) });
        }
        // What comes in codes is compared in codes.
        let schema = schema_of(table, &|name| new.field_with_name(name).is_ok_and(|field| *field.data_type() == coded()));
        let is_large = files.rows().saturating_add(row_count(write.rows.count())) > row_count(ROWS_OF_ONE_FILE);
        // Columns come and go by the rows of the whole table.
        let by_months = is_large && holds.is_none() && same_columns(&new, &schema);
        if let Some(by_end) = by_months.then(|| write.rows.by_end()).flatten() {
            let mut put = PutFiles::of(Arc::clone(&schema));
            let found = self.change_by_months(write, (table, &files, &schema, &by_end), &mut put).await;
            if found.is_err() {
                self.discard(name, &put.files()).await;
            }
            let (is_changed, taken_out, rows) = found?;
            return Ok(Change { put: is_changed.then_some(put), taken_out, rows });
        }
        let mut files = files;
        let all = write.rows.all().map_err(ReportError::rows(name, "make"))?;
        let (mut old, mut rows) = self.counted_rows(name, table, &files.read, &schema).await?;
        if holds.is_some_and(|holds| !holds(old.as_ref())) {
            return Err(ReportError::Concurrent { table: name.to_owned() });
        }
        let mut merged = merge(write, &all, old.as_ref(), &rows)?;
        if files.has_others() && !same_columns(merged.rows.schema_ref(), &schema) {
            files = files.all();
            (old, rows) = self.counted_rows(name, table, &files.read, &schema).await?;
            merged = merge(write, &all, old.as_ref(), &rows)?;
        }
        let files = files.leaving(&merged.stays);
        let rows = row_count(merged.rows.num_rows()).saturating_add(files.other_rows());
        if !merged.changed && table.version().is_some() {
            return Ok(Change { put: None, taken_out: BTreeSet::new(), rows });
        }
        let mut put = PutFiles::of(merged.rows.schema());
        self.put(name, &merged.rows.into(), &mut put).await?;
        Ok(Change { put: Some(put), taken_out: files.taken_out().collect(), rows })
    }

    /// The same month by month, so that no more than some months are in memory: the rows of one have nothing to do with those of another.
    ///
    /// Out: whether anything differs, the files that are no part of the table any more, and its rows.
    async fn change_by_months(
        &self,
        write: &TableWrite,
        (table, files, schema, by_end): (&DeltaTable, &DataFiles, &SchemaRef, &ByEnd),
        put: &mut PutFiles,
    ) -> Result<(bool, BTreeSet<String>, u64), ReportError> {
        let name = write.name.as_str();
        let (mut is_changed, mut taken_out, mut all_rows) = (false, BTreeSet::new(), files.other_rows());
        for months in files.by_months(by_end.days()).chunks(MONTHS_AT_ONCE) {
            let mut found = Vec::with_capacity(months.len());
            for Stretch { files, .. } in months {
                found.push(self.counted_rows(name, table, &files.read, schema).await?);
            }
            let merged = |(months, (old, rows)): (&Stretch, (Option<RecordBatch>, Vec<usize>))| {
                let new = write.rows.at(&by_end.within(months.days.clone())).map_err(ReportError::rows(name, "make"))?;
                merge(write, &new, old.as_ref(), &rows)
            };
            let merged: Vec<Result<Merged, ReportError>> = months.par_iter().zip(found).map(merged).collect();
            for (Stretch { files, .. }, merged) in months.iter().zip(merged) {
                let merged = merged?;
                if !merged.changed {
                    all_rows = all_rows.saturating_add(files.rows());
                    continue;
                }
                is_changed = true;
                let files = files.clone().leaving(&merged.stays);
                all_rows = all_rows.saturating_add(row_count(merged.rows.num_rows())).saturating_add(files.other_rows());
                taken_out.extend(files.taken_out());
                // A month without rows has no file.
                if merged.rows.num_rows() > 0 {
                    self.put(name, &merged.rows.into(), put).await?;
                }
            }
        }
        Ok((is_changed, taken_out, all_rows))
    }

    /// A table at its latest version; without a state if it is not there yet.
    pub(crate) async fn open(&self, name: &str) -> Result<DeltaTable, ReportError> {
        // The log is found under a URL of our own whose root is the results: no scheme of it is looked up anywhere.
        let url = folder(name)?;
        let root: Arc<dyn ObjectStore> = Arc::new(Ordered::new(Arc::clone(&self.store)));
        let prefixed: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(Arc::clone(&root), name));
        let mut table = DeltaTable::new(default_logstore(prefixed, root, &url, &StorageConfig::default()));
        let loaded = Box::pin(table.load()).await;
        match loaded {
            Ok(()) | Err(DeltaTableError::NotATable(_)) => Ok(table),
            Err(source) => Err(ReportError::Delta { table: name.to_owned(), location: self.location(name), doing: "open", source: Box::new(source) }),
        }
    }

    /// The number of the last write of an application to a table.
    async fn last_number(&self, name: &str, table: &DeltaTable, application: &str) -> Result<Option<i64>, ReportError> {
        let Some(state) = &table.state else { return Ok(None) };
        let fault = |source| ReportError::Delta { table: name.to_owned(), location: self.location(name), doing: "open", source: Box::new(source) };
        state.transaction_version(table.log_store().as_ref(), application).await.map_err(fault)
    }

    /// The rows of some files of a table.
    async fn rows(&self, name: &str, table: &DeltaTable, files: &[DataFile]) -> Result<Option<RecordBatch>, ReportError> {
        Ok(self.counted_rows(name, table, files, &schema_of(table, &|_| false)).await?.0)
    }

    /// The rows of some files of a table with these columns, and how many each file has.
    async fn counted_rows(&self, name: &str, table: &DeltaTable, files: &[DataFile], schema: &SchemaRef) -> Result<(Option<RecordBatch>, Vec<usize>), ReportError> {
        if table.state.is_none() {
            return Ok((None, Vec::new()));
        }
        if let Some(DataFile { path, .. }) = files.iter().find(|file| file.deletes) {
            return Err(ReportError::DeletionVector { table: name.to_owned(), location: self.location(name), file: path.clone() });
        }
        let gets = futures::stream::iter(files).map(|file| async move { Ok::<_, ReportError>((file, self.bytes_of(name, &file.path).await?)) });
        let found: Vec<(&DataFile, Bytes)> = gets.buffered(FILES_AT_ONCE).try_collect().await?;
        let in_codes = |column: &str| schema.field_with_name(column).is_ok_and(|field| *field.data_type() == coded());
        let rows_of = |(DataFile { path, .. }, bytes): (&DataFile, Bytes)| {
            let damaged = |source| ReportError::Damaged { table: name.to_owned(), location: self.location(name), file: path.clone(), source };
            align(name, &decode(bytes, &in_codes).map_err(damaged)?, schema, Misfit::Refuse)
        };
        let batches = found.into_par_iter().map(rows_of).collect::<Result<Vec<_>, _>>()?;
        let rows = concat_batches(schema, &batches).map_err(ReportError::rows(name, "join"))?;
        Ok((Some(rows), batches.iter().map(RecordBatch::num_rows).collect()))
    }

    async fn bytes_of(&self, name: &str, file: &str) -> Result<Bytes, ReportError> {
        let path = Path::from(format!("{name}/{file}"));
        let fault = |source| ReportError::Read { table: name.to_owned(), location: self.location(name), file: file.to_owned(), source: Box::new(source) };
        self.store.get(&path).await.map_err(fault)?.bytes().await.map_err(fault)
    }

    /// Where a table lies, for messages.
    pub(crate) fn location(&self, name: &str) -> String {
        format!("{}/{name}", self.place())
    }

    /// The URL without what might be secret.
    fn place(&self) -> String {
        let mut url = self.url.clone();
        // A URL that cannot have a user has none to take away.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url.set_query(None);
        url.set_fragment(None);
        url.as_str().trim_end_matches('/').to_owned()
    }
}

/// The columns of a table, text of some of them in codes; none where it is not there.
fn schema_of(table: &DeltaTable, in_codes: &dyn Fn(&str) -> bool) -> SchemaRef {
    let Some(state) = &table.state else { return Arc::new(Schema::empty()) };
    let schema = state.snapshot().arrow_schema();
    let field = |field: &FieldRef| if is_text(field.data_type()) && in_codes(field.name()) { Arc::new(field.as_ref().clone().with_data_type(coded())) } else { Arc::clone(field) };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

fn folder(name: &str) -> Result<Url, ReportError> {
    let fault = || ReportError::Name { table: name.to_owned() };
    let fits = name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if !fits {
        return Err(fault());
    }
    Url::parse(&format!("results:///{name}/")).map_err(|_| fault())
}

fn row_count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

fn number(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
