//! The answer of one grouping as a record batch.
//!
//! In: groups, and an array per measure. Out: `period_start`, keys, measures; one row per group.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Date32Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::error::CubeError;
use super::fact::Fact;
use super::grouping::Groups;
use super::period_starts::PeriodStarts;

/// Name of the period column.
const PERIOD_START: &str = "period_start";

/// Columns of an answer, added from left to right.
#[derive(Debug, Default)]
pub(crate) struct Output {
    fields: Vec<Field>,
    columns: Vec<ArrayRef>,
}

impl Output {
    /// Adds the first day of each group's period.
    pub(crate) fn add_periods(&mut self, groups: &Groups, days: &[Option<i32>], periods: &PeriodStarts) {
        // Every group has a row inside the periods, so no value is left out here.
        let starts: Vec<i32> = groups.first_rows.iter().filter_map(|row| periods.start_of(days[*row]?)).collect();
        self.fields.push(Field::new(PERIOD_START, DataType::Date32, false));
        self.columns.push(Arc::new(Date32Array::from(starts)));
    }

    /// Adds the value that each group has of a key column.
    pub(crate) fn add_key(&mut self, groups: &Groups, fact: &Fact<'_>, index: usize) -> Result<(), CubeError> {
        let rows: Vec<Option<usize>> = groups.first_rows.iter().copied().map(Some).collect();
        let values = fact.take(index, &rows)?;
        self.add(fact.field(index)?.name(), values);
        Ok(())
    }

    /// Adds a column that may be null.
    pub(crate) fn add(&mut self, name: &str, values: ArrayRef) {
        self.fields.push(Field::new(name, values.data_type().clone(), true));
        self.columns.push(values);
    }

    /// The batch; `groups` decides the number of rows where there is no column.
    pub(crate) fn finish(self, groups: &Groups) -> Result<RecordBatch, CubeError> {
        let options = RecordBatchOptions::new().with_row_count(Some(groups.first_rows.len()));
        let schema = Arc::new(Schema::new(self.fields));
        RecordBatch::try_new_with_options(schema, self.columns, &options).map_err(|source| CubeError::Arrow { doing: "building the answer of a grouping".to_owned(), source })
    }
}
