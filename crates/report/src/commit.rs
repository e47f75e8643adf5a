//! One commit of a table: data files first, then one entry in the log that takes the old ones out and the new ones in.
//!
//! A commit is made on the version that was read, or not at all: whoever comes second reads again.
//! That is stricter than Delta asks for, and leaves no way for two writers to add the same rows.

use std::collections::BTreeMap;

use arrow::array::{AsArray, RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::Date32Type;
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

use crate::data_files::{DataFiles, PERIOD_END};
use crate::delta::{ResultStore, TableWrite};
use crate::error::ReportError;
use crate::file::{encode, statistics};
use crate::stable::delta_schema;

/// Rows of one data file at most.
const ROWS_PER_FILE: usize = 2_000_000;

/// Rows up to which a table is one file.
const ROWS_OF_ONE_FILE: usize = 50_000;

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

impl ResultStore {
    /// Commits the rows in the place of some files, on top of the version of `table`.
    pub(crate) async fn commit(&self, table: &DeltaTable, write: &TableWrite, rows: &RecordBatch, replaced: &DataFiles) -> Result<Committed, ReportError> {
        let id = Uuid::new_v4().to_string();
        let adds = self.put_files(&write.name, rows, &id).await?;
        let files: Vec<String> = adds.iter().map(|add| add.path.clone()).collect();
        let mut actions = self.schema_actions(table, write, rows)?;
        if let Some(state) = &table.state {
            let taken_out = replaced.taken_out();
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
    fn schema_actions(&self, table: &DeltaTable, write: &TableWrite, rows: &RecordBatch) -> Result<Vec<Action>, ReportError> {
        let name = write.name.as_str();
        let schema = delta_schema(name, rows.schema_ref())?;
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

    /// Writes the rows to new files, in order of their names.
    async fn put_files(&self, name: &str, rows: &RecordBatch, id: &str) -> Result<Vec<Add>, ReportError> {
        let unwritable = |source| self.unwritable(name, source);
        let mut adds = Vec::new();
        let parts = parts(rows);
        // As many at once as there are threads: all of a large table would be in memory a second time.
        let at_once = rayon::current_num_threads().max(1);
        let made = |places: &UInt64Array| {
            let rows = take_record_batch(rows, places).map_err(ReportError::rows(name, "split"))?;
            let bytes = encode(&rows).map_err(|source| ReportError::Encode { table: name.to_owned(), source })?;
            Ok((bytes, statistics(&rows)))
        };
        let groups = parts.chunks(at_once).map(|group| group.par_iter().map(made).collect::<Vec<_>>());
        for (part, made) in groups.flatten().enumerate() {
            let (bytes, stats) = made?;
            let file = format!("part-{part:05}-{id}.zstd.parquet");
            let path = Path::from(format!("{name}/{file}"));
            let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
            self.store.put(&path, PutPayload::from(bytes)).await.map_err(unwritable)?;
            // The store's clock, not ours.
            let made = self.store.head(&path).await.map_err(unwritable)?.last_modified;
            adds.push(Add { path: file, size, modification_time: made.timestamp_millis(), data_change: true, stats: Some(stats), ..Add::default() });
        }
        Ok(adds)
    }

    /// Removes files that no version refers to; one that stays is in nobody's way.
    async fn discard(&self, name: &str, files: &[String]) {
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

/// Places of the rows of each data file: of a large table those of periods that end in one month apart, so that a later write can leave early
/// ones alone.
fn parts(rows: &RecordBatch) -> Vec<UInt64Array> {
    let ends = rows.column_by_name(PERIOD_END).and_then(|column| column.as_primitive_opt::<Date32Type>());
    let mut by_month: BTreeMap<(i32, u32), Vec<u64>> = BTreeMap::new();
    match ends {
        Some(ends) if rows.num_rows() > ROWS_OF_ONE_FILE => {
            let month = |day: Option<i32>| day.and_then(NaiveDate::from_epoch_days).map_or((0, 0), |day| (day.year(), day.month()));
            let days: Vec<Option<i32>> = ends.iter().collect();
            let mut row = 0..;
            // Rows of one day follow each other.
            for same in days.chunk_by(|a, b| a == b) {
                by_month.entry(month(same[0])).or_default().extend(row.by_ref().take(same.len()));
            }
        }
        _ => drop(by_month.insert((0, 0), (0..).take(rows.num_rows()).collect())),
    }
    by_month.into_values().flat_map(|rows| rows.chunks(ROWS_PER_FILE).map(|rows| UInt64Array::from(rows.to_vec())).collect::<Vec<_>>()).collect()
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
