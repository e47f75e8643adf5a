//! The rows that a write brings: they are there, or are made file by file as the table is written.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Date32Type, SchemaRef};
use arrow::error::ArrowError;

use crate::data_files::PERIOD_END;

/// Rows in the order of their table, with types that result tables have, which are made when they are asked for.
pub trait MakeRows: Debug + Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Those at some places, which ascend.
    ///
    /// # Errors
    /// Columns that do not fit together.
    fn rows(&self, places: &UInt64Array) -> Result<RecordBatch, ArrowError>;

    /// A column of days, of all rows; `None` where there is no such column.
    fn days(&self, column: &str) -> Option<ArrayRef>;
}

/// The rows of a write.
#[derive(Debug, Clone)]
pub enum NewRows {
    /// They are there, in any order.
    There(RecordBatch),
    /// They are made: a table that is not there yet never has all of them in memory.
    Made(Arc<dyn MakeRows>),
}

/// Places of rows by the day after the last of their period: rows of one period follow each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByEnd(BTreeMap<i32, Vec<Range<u64>>>);

impl ByEnd {
    /// The days, each once.
    pub(crate) fn days(&self) -> impl Iterator<Item = i32> {
        self.0.keys().copied()
    }

    /// The places of the rows with some of the days, ascending.
    #[must_use]
    pub fn within(&self, days: Range<i32>) -> UInt64Array {
        let mut places: Vec<Range<u64>> = self.0.range(days).flat_map(|(_, places)| places).cloned().collect();
        places.sort_by_key(|places| places.start);
        places.into_iter().flatten().collect::<Vec<u64>>().into()
    }
}

impl From<RecordBatch> for NewRows {
    fn from(rows: RecordBatch) -> Self {
        Self::There(rows)
    }
}

impl NewRows {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::There(rows) => rows.num_rows(),
            Self::Made(rows) => rows.count(),
        }
    }

    /// All of them.
    ///
    /// # Errors
    /// Columns that do not fit together.
    pub fn all(&self) -> Result<RecordBatch, ArrowError> {
        match self {
            Self::There(rows) => Ok(rows.clone()),
            Self::Made(rows) => rows.rows(&(0..).take(rows.count()).collect()),
        }
    }

    /// The places of rows by the day after the last of their period; `None` where there are no such days.
    #[must_use]
    pub fn by_end(&self) -> Option<ByEnd> {
        let ends = self.days(PERIOD_END)?;
        let ends: Vec<Option<i32>> = ends.as_primitive_opt::<Date32Type>()?.iter().collect();
        let mut found = ByEnd::default();
        let mut place = 0;
        for same in ends.chunk_by(|a, b| a == b) {
            let next = place + u64::try_from(same.len()).unwrap_or(u64::MAX);
            found.0.entry(same[0]?).or_default().push(place..next);
            place = next;
        }
        Some(found)
    }

    /// Those at some places, which ascend.
    ///
    /// # Errors
    /// Columns that do not fit together.
    pub fn at(&self, places: &UInt64Array) -> Result<RecordBatch, ArrowError> {
        match self {
            Self::There(rows) => take_record_batch(rows, places),
            Self::Made(rows) => rows.rows(places),
        }
    }

    /// A column of days.
    pub(crate) fn days(&self, column: &str) -> Option<ArrayRef> {
        match self {
            Self::There(rows) => rows.column_by_name(column).cloned(),
            Self::Made(rows) => rows.days(column),
        }
    }

    /// The columns.
    pub(crate) fn schema(&self) -> Result<SchemaRef, ArrowError> {
        match self {
            Self::There(rows) => Ok(rows.schema()),
            Self::Made(rows) => Ok(rows.rows(&UInt64Array::from(Vec::<u64>::new()))?.schema()),
        }
    }
}
