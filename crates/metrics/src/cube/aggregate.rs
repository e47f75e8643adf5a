//! A request over rows that are all there.

use arrow::array::Array;
use arrow::record_batch::RecordBatch;

use super::error::CubeError;
use super::lots::Cube;
use super::period_starts::PeriodStarts;
use super::request::CubeRequest;

/// Answers a request: one batch per grouping, in the same order.
///
/// A group exists where the fact has a row in it; without rows the batches are empty, with the same schema.
/// Row order, split into batches and thread count never change a bit of a value in the answer.
///
/// # Errors
///
/// A column that is not there or has a type that its use does not allow, a measure without its column, a percentile
/// rank outside 0 to 1, a period without a time column, or a sum that does not fit its type.
pub fn aggregate(request: &CubeRequest<'_>) -> Result<Vec<RecordBatch>, CubeError> {
    let mut cube = Cube::default();
    cube.add(request)?;
    let periods: Vec<Option<&PeriodStarts>> = request.groupings.iter().map(|grouping| grouping.period).collect();
    cube.cells(&periods)
}

/// Number of rows whose time is null: no grouping with a period has them.
///
/// A batch without column `time` has no time in any row.
#[must_use]
pub fn rows_without_time(batches: &[RecordBatch], time: usize) -> usize {
    batches
        .iter()
        .map(|batch| match batch.columns().get(time) {
            Some(column) => column.logical_null_count(),
            None => batch.num_rows(),
        })
        .sum()
}
