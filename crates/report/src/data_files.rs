//! The data files of a table, and which of them a write has to read and to take out.
//!
//! In: a table as its log says, and a write. Out: the files whose rows the write may replace, and how many rows the others have.
//! A write of late periods leaves the files of early ones as they are, and costs what changed and not what is there.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use deltalake::DeltaTable;
use serde_json::Value;

use crate::delta::{EndingAfter, Replace, TableWrite};

/// The first day of a row's period.
pub(crate) const PERIOD_START: &str = "period_start";

/// The day after the last of a row's period.
pub(crate) const PERIOD_END: &str = "period_end";

/// A data file of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DataFile {
    /// Its path in the table.
    pub(crate) path: String,
    /// Whether rows of it are deleted by a vector.
    pub(crate) deletes: bool,
    rows: u64,
    /// The last day that a period of it ends with, where the log says so.
    last_end: Option<i32>,
}

/// The data files of a table, as a write sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DataFiles {
    /// Those whose rows may be replaced, by path.
    pub(crate) read: Vec<DataFile>,
    others: Vec<DataFile>,
}

impl DataFiles {
    /// All files of a table.
    pub(crate) fn every(table: &DeltaTable) -> Self {
        let mut read: Vec<DataFile> = Vec::new();
        for view in table.state.iter().flat_map(|state| state.log_data().into_iter()) {
            let statistics = view.stats().and_then(|text| serde_json::from_str::<Value>(&text).ok()).unwrap_or_default();
            let last_end = statistics["maxValues"][PERIOD_END].as_str().and_then(|text| text.parse::<NaiveDate>().ok()).map(|day| day.to_epoch_days());
            let rows = statistics["numRecords"].as_u64().unwrap_or_default();
            read.push(DataFile { path: view.path().into_owned(), deletes: view.deletion_vector_descriptor().is_some(), rows, last_end });
        }
        read.sort();
        Self { read, others: Vec::new() }
    }

    /// The files of a table, apart by whether a write may replace rows of theirs.
    pub(crate) fn of(table: &DeltaTable, write: &TableWrite) -> Self {
        match &write.replace {
            Replace::EndingAfter(EndingAfter { day, .. }) => Self::ending_after(table, *day),
            _ => Self::every(table),
        }
    }

    /// The files of a table, apart by whether they may have periods that end after a day.
    pub(crate) fn ending_after(table: &DeltaTable, day: i32) -> Self {
        let every = Self::every(table);
        let (read, others) = every.read.into_iter().partition(|file| file.deletes || file.last_end.is_none_or(|last| last > day));
        Self { read, others }
    }

    /// The same with every file among those that are read.
    pub(crate) fn all(self) -> Self {
        let mut read: Vec<DataFile> = self.read.into_iter().chain(self.others).collect();
        read.sort();
        Self { read, others: Vec::new() }
    }

    /// The same with those of the files that are read left as they are for which it is said.
    pub(crate) fn leaving(self, stays: &[bool]) -> Self {
        let Self { read, mut others } = self;
        let mut taken = Vec::new();
        for (at, file) in read.into_iter().enumerate() {
            if stays.get(at).copied().unwrap_or(false) { others.push(file) } else { taken.push(file) }
        }
        Self { read: taken, others }
    }

    /// Whether some files are left as they are.
    pub(crate) fn has_others(&self) -> bool {
        !self.others.is_empty()
    }

    /// How many rows they have.
    pub(crate) fn other_rows(&self) -> u64 {
        self.others.iter().map(|file| file.rows).sum()
    }

    /// The paths of the files that a write takes out.
    pub(crate) fn taken_out(&self) -> BTreeSet<&str> {
        self.read.iter().map(|file| file.path.as_str()).collect()
    }
}
