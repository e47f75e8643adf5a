//! Which rows of a batch have the same values in some columns.
//!
//! In: a batch and a range of its columns. Out: a number per row, and for each number the first row that has it.

use std::ops::Range;

use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use arrow::record_batch::RecordBatch;

use super::codes::{Codes, Order, encode};
use super::error::CubeError;
use super::grouping::GroupKeys;

/// The different rows of some columns.
#[derive(Debug)]
pub(crate) struct DistinctRows {
    /// The number of each row, below the number of different ones.
    pub(crate) of_row: Vec<u32>,
    /// The first row of each number.
    pub(crate) first_rows: Vec<usize>,
}

impl DistinctRows {
    /// Numbers the rows of a batch by these of its columns; without a column all rows are the same.
    ///
    /// Errors: a column of a type that is no key.
    pub(crate) fn new(batch: &RecordBatch, columns: Range<usize>) -> Result<Self, CubeError> {
        let schema = batch.schema();
        let code = |column: usize| encode(schema.field(column), std::slice::from_ref(batch.column(column)), Order::Ascending);
        let codes = columns.map(code).collect::<Result<Vec<Codes>, CubeError>>()?;
        let groups = GroupKeys { rows: batch.num_rows(), periods: None, keys: codes.iter().collect() }.groups()?;
        Ok(Self { of_row: groups.codes.rows, first_rows: groups.first_rows })
    }
}

/// The number of each value of a column as it was found first, and the row where; null has the number after the last.
///
/// Errors: a column of a type that is no key.
pub(crate) fn distinct_values(field: &Field, column: &ArrayRef) -> Result<(Vec<u32>, Vec<usize>), CubeError> {
    let codes = encode(field, std::slice::from_ref(column), Order::AsFound)?;
    let first_rows = codes.first_rows();
    Ok((codes.rows, first_rows))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};

    use super::*;

    #[test]
    fn rows_are_numbered_by_the_columns_asked() {
        let teams: ArrayRef = Arc::new(StringArray::from(vec![Some("b"), Some("a"), Some("b"), None]));
        let reps: ArrayRef = Arc::new(StringArray::from(vec!["1", "1", "1", "1"]));
        let deals: ArrayRef = Arc::new(Int64Array::from(vec![4, 3, 2, 1]));
        let batch = RecordBatch::try_from_iter_with_nullable([("deals", deals, true), ("team", teams, true), ("rep", reps, true)]).unwrap();
        let found = DistinctRows::new(&batch, 1..3).unwrap();
        assert_eq!((found.of_row, found.first_rows), (vec![1, 0, 1, 2], vec![1, 0, 3]));
        let found = DistinctRows::new(&batch, 1..1).unwrap();
        assert_eq!((found.of_row, found.first_rows), (vec![0; 4], vec![0]));
        let none = DistinctRows::new(&batch.slice(0, 0), 1..3).unwrap();
        assert_eq!((none.of_row, none.first_rows), (vec![], vec![]));
    }
}
