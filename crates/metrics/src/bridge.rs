//! Polars frames as arrow record batches, over the Arrow C data interface, without copying.
//!
//! In: a frame. Out: one batch of all its rows. This file is the only one with `unsafe`.
#![expect(unsafe_code, reason = "the Arrow C data interface is a pair of C structs that change owner")]

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, make_array};
use arrow::datatypes::{Field, Schema};
use arrow::ffi::{FFI_ArrowArray, FFI_ArrowSchema, from_ffi};
use polars::prelude::{Column, CompatLevel, DataFrame};

use crate::error::MetricsError;

/// All rows of a frame as one record batch.
pub(crate) fn record_batch(frame: &DataFrame) -> Result<RecordBatch, MetricsError> {
    let mut fields = Vec::with_capacity(frame.width());
    let mut arrays = Vec::with_capacity(frame.width());
    for column in frame.columns() {
        let array = array(column)?;
        fields.push(Field::new(column.name().as_str(), array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(frame.height()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(|e| refused("*", &e))
}

/// A column as an array.
pub(crate) fn array(column: &Column) -> Result<ArrayRef, MetricsError> {
    // A column from the streaming engine has many chunks; only a rechunked one is whole in its first.
    let series = column.as_materialized_series().rechunk();
    let level = CompatLevel::newest();
    let mut exported = polars_arrow::ffi::export_array_to_c(series.to_arrow(0, level));
    let mut schema = polars_arrow::ffi::export_field_to_c(&series.field().to_arrow(level));
    // SAFETY: both crates declare the C structs of the Arrow C data interface with the same layout, and `from_raw` leaves
    // a released struct behind, so that each resource has one owner.
    let (array, schema) = unsafe { (FFI_ArrowArray::from_raw((&raw mut exported).cast()), FFI_ArrowSchema::from_raw((&raw mut schema).cast())) };
    // SAFETY: the structs come from an export just above, and array and schema belong to each other.
    let data = unsafe { from_ffi(array, &schema) }.map_err(|e| refused(column.name().as_str(), &e))?;
    Ok(make_array(data))
}

fn refused(column: &str, error: &arrow::error::ArrowError) -> MetricsError {
    MetricsError::Bridge { column: column.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::record_batch;
    use arrow::array::{Array, AsArray, types::Decimal128Type, types::Int64Type};
    use arrow::datatypes::DataType;
    use polars::prelude::{DataType as PolarsType, IntoLazy, col, df};

    #[test]
    fn a_frame_of_many_chunks_arrives_whole() {
        let mut frame = df!("n" => [1i64, 2], "t" => [Some("매출"), None]).unwrap();
        frame.vstack_mut(&df!("n" => [3i64], "t" => [Some("b")]).unwrap()).unwrap();
        let frame = frame.lazy().with_column(col("n").cast(PolarsType::Decimal(18, 2)).alias("d")).collect().unwrap();
        let batch = record_batch(&frame).unwrap();
        assert_eq!(batch.num_rows(), 3);
        assert_eq!(batch.column(0).as_primitive::<Int64Type>().values(), &[1, 2, 3]);
        assert_eq!(batch.column(1).as_string_view().value(0), "매출");
        assert!(batch.column(1).is_null(1));
        assert_eq!(batch.column(2).data_type(), &DataType::Decimal128(18, 2));
        assert_eq!(batch.column(2).as_primitive::<Decimal128Type>().value(2), 300);
    }
}
