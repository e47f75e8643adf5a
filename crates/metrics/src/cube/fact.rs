//! The rows of a request, checked once and read by column.
//!
//! In: the batches of a request. Out: columns in pieces small enough to share between threads, days, single values.
//! Floats come out with one NaN and without negative zero, so that equal values have equal bits.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, new_empty_array, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, Date32Type, Field, Float32Type, Float64Type};

use super::error::CubeError;
use super::request::CubeRequest;

/// Rows of a piece: some 100,000 values stay in the cache of a core.
const PIECE: usize = 1 << 16;

/// A request whose batches are known to have its schema.
#[derive(Debug)]
pub(crate) struct Fact<'a> {
    request: &'a CubeRequest<'a>,
    /// Row number of the first row of each batch.
    starts: Vec<usize>,
    /// Row numbers of each piece; a piece lies within one batch.
    pub(crate) pieces: Vec<Range<usize>>,
    /// Batch of each piece.
    batch_of_piece: Vec<usize>,
    /// Number of rows.
    pub(crate) rows: usize,
}

impl<'a> Fact<'a> {
    /// Checks that all batches have the schema, and cuts the rows into pieces.
    pub(crate) fn new(request: &'a CubeRequest<'a>) -> Result<Self, CubeError> {
        let mut fact = Self { request, starts: Vec::new(), pieces: Vec::new(), batch_of_piece: Vec::new(), rows: 0 };
        for (index, batch) in request.batches.iter().enumerate() {
            let columns = request.schema.fields().len();
            if batch.num_columns() != columns {
                return Err(CubeError::UnknownColumn { index: columns.min(batch.num_columns()), columns: columns.min(batch.num_columns()) });
            }
            for (field, column) in request.schema.fields().iter().zip(batch.columns()) {
                expect_type(field, column.data_type(), field.data_type())?;
            }
            let start = fact.rows;
            let end = start + batch.num_rows();
            fact.starts.push(start);
            for from in (start..end).step_by(PIECE) {
                fact.pieces.push(from..end.min(from + PIECE));
                fact.batch_of_piece.push(index);
            }
            fact.rows = end;
        }
        Ok(fact)
    }

    /// The field of a column.
    pub(crate) fn field(&self, index: usize) -> Result<&'a Field, CubeError> {
        let fields = self.request.schema.fields();
        match fields.get(index) {
            Some(field) => Ok(field.as_ref()),
            None => Err(CubeError::UnknownColumn { index, columns: fields.len() }),
        }
    }

    /// A column, one array per piece.
    pub(crate) fn column(&self, index: usize) -> Result<Vec<ArrayRef>, CubeError> {
        self.field(index)?;
        Ok(self
            .pieces
            .iter()
            .zip(&self.batch_of_piece)
            .map(|(piece, batch)| {
                let column = self.request.batches[*batch].column(index);
                canonical(&column.slice(piece.start - self.starts[*batch], piece.len()))
            })
            .collect())
    }

    /// A Boolean column, one array per piece.
    pub(crate) fn booleans(&self, index: usize) -> Result<Vec<ArrayRef>, CubeError> {
        let field = self.field(index)?;
        expect_type(field, field.data_type(), &DataType::Boolean)?;
        self.column(index)
    }

    /// The day of each row; `None` without a time column.
    pub(crate) fn days(&self) -> Result<Option<Vec<Option<i32>>>, CubeError> {
        let Some(index) = self.request.time else {
            return Ok(None);
        };
        let field = self.field(index)?;
        expect_type(field, field.data_type(), &DataType::Date32)?;
        let days = self.column(index)?.iter().flat_map(|piece| piece.as_primitive::<Date32Type>().iter()).collect();
        Ok(Some(days))
    }

    /// The values that a column has in some rows; `None` gives null.
    pub(crate) fn take(&self, index: usize, rows: &[Option<usize>]) -> Result<ArrayRef, CubeError> {
        let field = self.field(index)?;
        if rows.is_empty() {
            return Ok(new_empty_array(field.data_type()));
        }
        let null = new_null_array(field.data_type(), 1);
        let mut arrays: Vec<&dyn Array> = self.request.batches.iter().map(|batch| batch.column(index).as_ref()).collect();
        let null_place = (arrays.len(), 0);
        if rows.iter().any(Option::is_none) {
            arrays.push(null.as_ref());
        }
        let places: Vec<(usize, usize)> = rows.iter().map(|row| row.map_or(null_place, |row| self.place(row))).collect();
        let taken = interleave(&arrays, &places).map_err(|source| CubeError::Arrow { doing: format!("taking values of column `{}`", field.name()), source })?;
        Ok(canonical(&taken))
    }

    /// Batch and row within it of a row number.
    fn place(&self, row: usize) -> (usize, usize) {
        let batch = self.starts.partition_point(|start| *start <= row) - 1;
        (batch, row - self.starts[batch])
    }
}

fn expect_type(field: &Field, found: &DataType, expected: &DataType) -> Result<(), CubeError> {
    if found == expected {
        return Ok(());
    }
    Err(CubeError::UnsupportedType { column: field.name().clone(), found: found.clone(), expected: expected.to_string() })
}

/// Floats with one NaN, and zero instead of negative zero; other arrays as they are.
fn canonical(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float32 => {
            let floats = array.as_primitive::<Float32Type>();
            Arc::new(floats.unary::<_, Float32Type>(|value| if value.is_nan() { f32::NAN } else { value + 0.0 }))
        }
        DataType::Float64 => {
            let floats = array.as_primitive::<Float64Type>();
            Arc::new(floats.unary::<_, Float64Type>(|value| if value.is_nan() { f64::NAN } else { value + 0.0 }))
        }
        _ => Arc::clone(array),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int64Array, StringArray};
    use arrow::datatypes::Schema;
    use arrow::record_batch::RecordBatch;

    use super::*;

    fn batch(numbers: Vec<i64>, texts: Vec<Option<&str>>) -> RecordBatch {
        let schema = Schema::new(vec![Field::new("number", DataType::Int64, true), Field::new("text", DataType::Utf8, true)]);
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int64Array::from(numbers)), Arc::new(StringArray::from(texts))]).unwrap()
    }

    fn request(batches: &[RecordBatch]) -> CubeRequest<'_> {
        CubeRequest { schema: batches[0].schema(), batches, time: None, measures: &[], groupings: &[] }
    }

    #[test]
    fn values_are_taken_over_empty_and_full_batches() {
        let batches = [batch(vec![1, 2], vec![Some("a"), None]), batch(vec![], vec![]), batch(vec![3], vec![Some("c")])];
        let request = request(&batches);
        let fact = Fact::new(&request).unwrap();
        assert_eq!(fact.rows, 3);
        assert_eq!(fact.pieces, [0..2, 2..3]);
        let taken = fact.take(1, &[Some(2), None, Some(0), Some(1)]).unwrap();
        assert_eq!(taken.as_string::<i32>(), &StringArray::from(vec![Some("c"), None, Some("a"), None]));
        assert_eq!(fact.take(0, &[]).unwrap().len(), 0);
    }

    #[test]
    fn long_batches_are_cut() {
        let length = PIECE + 5;
        let batches = [batch(vec![7; length], vec![None; length])];
        let request = request(&batches);
        let fact = Fact::new(&request).unwrap();
        assert_eq!(fact.pieces, [0..PIECE, PIECE..length]);
        assert_eq!(fact.column(0).unwrap()[1].len(), 5);
    }

    #[test]
    fn other_schemas_and_columns_are_refused() {
        let batches = [batch(vec![1], vec![None])];
        let mut asked = request(&batches);
        let fact = Fact::new(&asked).unwrap();
        assert!(matches!(fact.column(2), Err(CubeError::UnknownColumn { index: 2, columns: 2 })));
        assert!(matches!(fact.booleans(0), Err(CubeError::UnsupportedType { .. })));
        asked.schema = Arc::new(Schema::new(vec![Field::new("number", DataType::Int32, true), Field::new("text", DataType::Utf8, true)]));
        assert!(matches!(
            Fact::new(&asked),
            Err(CubeError::UnsupportedType { column, .. }) if column == "number"
        ));
    }

    #[test]
    fn floats_become_canonical() {
        let array: ArrayRef = Arc::new(Float64Array::from(vec![-0.0, -f64::NAN, 1.5]));
        let bits: Vec<u64> = canonical(&array).as_primitive::<Float64Type>().values().iter().map(|value| value.to_bits()).collect();
        assert_eq!(bits, [0, f64::NAN.to_bits(), 1.5_f64.to_bits()]);
    }
}
