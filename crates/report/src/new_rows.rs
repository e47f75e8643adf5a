//! The rows that a write brings: they are there, or are made file by file as the table is written.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

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

    /// Those at some places, which ascend.
    pub(crate) fn at(&self, places: &UInt64Array) -> Result<RecordBatch, ArrowError> {
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
