//! One commit of a table: data files first, then one entry in the log that takes the old ones out and the new ones in.
//!
//! A commit is made on the version that was read, or not at all: whoever comes second reads again.
//! That is stricter than Delta asks for, and leaves no way for two writers to add the same rows.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::{Schema, SchemaRef};
use chrono::{Datelike, NaiveDate};
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TableReference, TransactionError};
use deltalake::kernel::{Action, Add, MetadataExt, Protocol, Transaction, new_metadata};
use deltalake::logstore::LogStore;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use rayon::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::delta::{ResultStore, TableWrite};
use crate::error::ReportError;
use crate::file::{encode, statistics};
use crate::new_rows::{NewRows, PeriodRows, Places};
use crate::stable::delta_schema;

/// Rows of one data file at most.
const ROWS_PER_FILE: usize = 2_000_000;

/// Rows up to which a table is one file.
pub(crate) const ROWS_OF_ONE_FILE: usize = 50_000;

/// Rows from which a part of a month is a file.
const ROWS_OF_OWN_FILE: usize = 20_000;

/// Days of a part of a month.
const DAYS_OF_A_PART: u32 = 8;

/// Days of the longest of the short periods: a week.
const LONGEST_SHORT_PERIOD: i32 = 7;

/// How long the log remembers what was taken out: as long as a vacuum may be asked to keep it.
const RETENTION: [(&str, &str); 2] = [("delta.deletedFileRetentionDuration", "interval 90 days"), ("delta.logRetentionDuration", "interval 90 days")];

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    /// It is this version.
    Version(u64),
    /// Another commit came first: read again.
    Overtaken,
}

/// Whose commits the log has after the version that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Later {
    /// Ours, though we were told that it failed.
    Ours(u64),
    /// Another's, or none.
    Others,
}

/// Files that a commit will bring.
#[derive(Debug)]
pub(crate) struct PutFiles {
    /// The name of the commit.
    id: String,
    /// The columns of the table afterwards.
    schema: SchemaRef,
    adds: Vec<Add>,
}

impl PutFiles {
    /// None yet.
    pub(crate) fn of(schema: SchemaRef) -> Self {
        Self { id: Uuid::new_v4().to_string(), schema, adds: Vec::new() }
    }

    /// The paths of the files.
    pub(crate) fn files(&self) -> Vec<String> {
        self.adds.iter().map(|add| add.path.clone()).collect()
    }
}

impl ResultStore {
    /// Commits files that were put in the place of some others, on top of the version of `table`.
    pub(crate) async fn commit(&self, table: &DeltaTable, write: &TableWrite, put: PutFiles, taken_out: &BTreeSet<String>) -> Result<Committed, ReportError> {
        let files = put.files();
        let PutFiles { id, schema, adds } = put;
        let mut actions = self.schema_actions(table, &write.name, &schema)?;
        if let Some(state) = &table.state {
            let removed = state.log_data().into_iter().filter(|view| taken_out.contains(view.path().as_ref()));
            actions.extend(removed.map(|view| Action::Remove(view.remove_action(true))));
        }
        actions.extend(adds.into_iter().map(Action::Add));

        let (application, number) = &write.transaction;
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_cleanup_expired_logs(Some(false))
            .with_application_transaction(Transaction::new(application, *number))
            .with_metadata([("quotientCommit".to_owned(), Value::String(id.clone()))]);
        let operation = DeltaOperation::Write { mode: SaveMode::Overwrite, partition_by: None, predicate: None };
        let state = table.state.as_ref().map(|state| state as &dyn TableReference);
        let outcome = CommitBuilder::from(properties).with_actions(actions).build(state, table.log_store(), operation).await;
        let error = match outcome {
            Ok(done) => return Ok(Committed::Version(done.version())),
            Err(error) => error,
        };
        let overtaken = is_conflict(&error);
        match later(table, &id).await {
            Ok(Later::Ours(version)) => Ok(Committed::Version(version)),
            Ok(Later::Others) if overtaken => {
                self.discard(&write.name, &files).await;
                Ok(Committed::Overtaken)
            }
            // Whether the entry may still arrive is not known: its files stay.
            _ => Err(self.failed(&write.name, error)),
        }
    }

    /// The actions that make or change a table's columns.
    fn schema_actions(&self, table: &DeltaTable, name: &str, schema: &Schema) -> Result<Vec<Action>, ReportError> {
        let schema = delta_schema(name, schema)?;
        let fault = |source| self.delta_fault(name, source);
        let Some(state) = &table.state else {
            let protocol: Protocol = serde_json::from_value(json!({"minReaderVersion": 1, "minWriterVersion": 2})).map_err(|e| fault(e.into()))?;
            let metadata = new_metadata(&schema, Vec::<String>::new(), RETENTION.map(|(key, value)| (key.to_owned(), value.to_owned()))).map_err(|e| fault(e.into()))?;
            let metadata = MetadataExt::with_name(metadata, name.to_owned()).map_err(|e| fault(e.into()))?;
            return Ok(vec![Action::Protocol(protocol), Action::Metadata(metadata)]);
        };
        if *state.schema() == schema {
            return Ok(Vec::new());
        }
        let metadata = MetadataExt::with_schema(state.metadata().clone(), &schema).map_err(|e| fault(e.into()))?;
        Ok(vec![Action::Metadata(metadata)])
    }

    /// Writes rows to new files beside those that were put, in order of their names.
    pub(crate) async fn put(&self, name: &str, rows: &NewRows, put: &mut PutFiles) -> Result<(), ReportError> {
        let unwritable = |source| self.unwritable(name, source);
        let parts = parts(rows);
        // As many at once as there are threads: all of a large table would be in memory a second time.
        let at_once = rayon::current_num_threads().max(1);
        let made = |places: &Places| {
            let rows = rows.at(&places.array()).map_err(ReportError::rows(name, "split"))?;
            let bytes = encode(&rows).map_err(|source| ReportError::Encode { table: name.to_owned(), source })?;
            Ok((bytes, statistics(&rows)))
        };
        let groups = parts.chunks(at_once).map(|group| group.par_iter().map(made).collect::<Vec<_>>());
        for made in groups.flatten() {
            let (bytes, stats) = made?;
            let file = format!("part-{:05}-{}.zstd.parquet", put.adds.len(), put.id);
            let path = Path::from(format!("{name}/{file}"));
            let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            self.store.put(&path, PutPayload::from(bytes)).await.map_err(unwritable)?;
            // The store's clock, not ours.
            let made = self.store.head(&path).await.map_err(unwritable)?.last_modified;
            put.adds.push(Add { path: file, size, modification_time: made.timestamp_millis(), data_change: true, stats: Some(stats), ..Add::default() });
        }
        Ok(())
    }

    /// Removes files that no version refers to; one that stays is in nobody's way.
    pub(crate) async fn discard(&self, name: &str, files: &[String]) {
        for file in files {
            let _ = self.store.delete(&Path::from(format!("{name}/{file}"))).await;
        }
    }

    fn failed(&self, name: &str, error: DeltaTableError) -> ReportError {
        match error {
            DeltaTableError::ObjectStore { source } => self.unwritable(name, source),
            other => self.delta_fault(name, other),
        }
    }

    pub(crate) fn unwritable(&self, name: &str, source: object_store::Error) -> ReportError {
        ReportError::Unwritable { table: name.to_owned(), location: self.location(name), source: Box::new(source) }
    }

    fn delta_fault(&self, name: &str, source: DeltaTableError) -> ReportError {
        ReportError::Delta { table: name.to_owned(), location: self.location(name), doing: "commit", source: Box::new(source) }
    }
}

/// Places of the rows of each data file: of many rows those of periods that end in one month apart, and among these the many of short
/// periods that end in one part of it, so that a later write can leave most of them alone.
fn parts(rows: &NewRows) -> Vec<Places> {
    let mut months: BTreeMap<(i32, u32), BTreeMap<u32, Places>> = BTreeMap::new();
    match rows.periods().filter(|_| rows.count() > ROWS_OF_ONE_FILE) {
        Some(periods) => {
            for (PeriodRows { start, end, .. }, places) in periods {
                let (month, part) = part_of((start, end));
                months.entry(month).or_default().entry(part).or_default().push(places);
            }
        }
        None => drop(months.insert((0, 0), BTreeMap::from([(0, Places::from(0..rows.count()))]))),
    }
    let files = months.into_values().flat_map(|parts| {
        let (mut own, others): (Vec<Places>, Vec<Places>) = parts.into_values().partition(|rows| rows.count() >= ROWS_OF_OWN_FILE);
        own.extend(Some(Places::of_all(&others)).filter(|others| others.count() > 0));
        own
    });
    let files: Vec<Places> = files.flat_map(|rows| rows.in_parts_of(ROWS_PER_FILE)).collect();
    if files.is_empty() { vec![Places::default()] } else { files }
}

/// The month in which a period ends, and the part of it for one that is short.
fn part_of((start, end): (Option<i32>, Option<i32>)) -> ((i32, u32), u32) {
    let Some(last) = end.and_then(NaiveDate::from_epoch_days) else { return ((0, 0), 0) };
    let is_short = start.zip(end).is_some_and(|(start, end)| end.saturating_sub(start) <= LONGEST_SHORT_PERIOD);
    ((last.year(), last.month()), if is_short { 1 + last.day0() / DAYS_OF_A_PART } else { 0 })
}

/// Whether the log had moved on since the version that was read.
fn is_conflict(error: &DeltaTableError) -> bool {
    match error {
        DeltaTableError::VersionAlreadyExists(_) => true,
        DeltaTableError::Transaction { source } => {
            matches!(source, TransactionError::MaxCommitAttempts(_) | TransactionError::CommitConflict(_) | TransactionError::VersionAlreadyExists(_))
        }
        _ => false,
    }
}

/// Reads the commits after the version of `table`.
async fn later(table: &DeltaTable, id: &str) -> Result<Later, DeltaTableError> {
    let log = table.log_store();
    let mut version = table.version().map_or(0, |version| version + 1);
    while let Some(bytes) = log.read_commit_entry(version).await? {
        for line in String::from_utf8_lossy(&bytes).lines() {
            let action: Value = serde_json::from_str(line)?;
            if action["commitInfo"]["quotientCommit"] == id {
                return Ok(Later::Ours(version));
            }
        }
        version += 1;
    }
    Ok(Later::Others)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, RecordBatch};

    use super::{Places, ROWS_OF_OWN_FILE, parts};
    use crate::data_files::{PERIOD_END, PERIOD_START};
    use crate::new_rows::NewRows;

    /// Rows of periods by their first day, the day after their last, and how many there are of each.
    fn rows(periods: &[(i32, i32, usize)]) -> NewRows {
        let days = |of: fn(&(i32, i32, usize)) -> i32| -> ArrayRef {
            Arc::new(periods.iter().flat_map(|period| std::iter::repeat_n(of(period), period.2)).collect::<Vec<i32>>().into_iter().map(Some).collect::<Date32Array>())
        };
        RecordBatch::try_from_iter([(PERIOD_START, days(|period| period.0)), (PERIOD_END, days(|period| period.1))]).unwrap().into()
    }

    #[test]
    fn a_large_table_has_files_by_month_and_of_many_short_periods_by_parts_of_it() {
        let many = ROWS_OF_OWN_FILE;
        // Days of January 1970 (the sixth, the last but one), a week, January itself, a day of February.
        let table = rows(&[(4, 5, many), (28, 29, many - 1), (22, 29, 1), (0, 30, 3), (40, 41, 2), (5, 6, 1), (29, 30, many)]);
        let found: Vec<(usize, u64, u64)> = parts(&table).iter().map(Places::array).map(|file| (file.len(), file.value(0), file.value(file.len() - 1))).collect();
        let places = |rows: &[usize]| -> u64 { u64::try_from(rows.iter().sum::<usize>()).unwrap() };
        let first = (many + 1, 0, places(&[many, many - 1, 1, 3, 2]));
        let last = (2 * many, places(&[many]), places(&[many, many - 1, 1, 3, 2, 1, many - 1]));
        assert_eq!(found, [first, last, (3, places(&[many, many]), places(&[many, many, 2])), (2, places(&[many, many, 3]), places(&[many, many, 4]))]);
    }

    #[test]
    fn a_small_table_is_one_file_even_without_rows() {
        assert_eq!(parts(&rows(&[(0, 1, 2), (40, 41, 3)])).as_slice(), [Places::from(0..5)]);
        assert_eq!(parts(&rows(&[])), [Places::default()]);
    }
}
