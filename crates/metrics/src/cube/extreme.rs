//! Lowest and highest values of any ordered type.
//!
//! In: a column. Out: an array of the same type, null where a group has no value.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, UInt64Array, downcast_primitive};
use arrow::compute::take;
use arrow::datatypes::{DataType, Field};
use quotient_model::Agg;

use super::accumulate::{Rows, accumulate};
use super::codes::{Codes, Order, encode};
use super::error::CubeError;
use super::fact::Fact;
use super::measure::Column;
use super::request::CubeMeasure;
use super::states::Extreme;

/// The lowest value of each group, or the highest.
///
/// What is not a number or a time is compared by its codes.
pub(crate) fn extremes<const HIGHEST: bool>(column: &Column<'_>, rows: &Rows<'_>, fact: &Fact<'_>) -> Result<ArrayRef, CubeError> {
    match (of_primitives::<HIGHEST>(column.field.data_type(), &column.pieces, rows), column.codes) {
        (Some(found), _) => Ok(found),
        (None, Some(codes)) => fact.take(column.index, &coded::<HIGHEST>(codes, rows)),
        (None, None) => Err(column.unsupported("an ordered type")),
    }
}

/// The lowest value of each group of values, or the highest, as the measure asks.
pub(crate) fn extremes_of(measure: &CubeMeasure, values: &ArrayRef, groups: &Codes) -> Result<ArrayRef, CubeError> {
    match measure.aggregate {
        Agg::Max => of_values::<true>(measure, values, groups),
        _ => of_values::<false>(measure, values, groups),
    }
}

fn of_values<const HIGHEST: bool>(measure: &CubeMeasure, values: &ArrayRef, groups: &Codes) -> Result<ArrayRef, CubeError> {
    let all = 0..values.len();
    let rows = Rows { pieces: std::slice::from_ref(&all), groups, filter: None };
    let pieces = std::slice::from_ref(values);
    if let Some(found) = of_primitives::<HIGHEST>(values.data_type(), pieces, &rows) {
        return Ok(found);
    }
    let codes = encode(&Field::new(&measure.name, values.data_type().clone(), true), pieces, Order::Ascending)?;
    let places: UInt64Array = coded::<HIGHEST>(&codes, &rows).into_iter().map(|row| u64::try_from(row?).ok()).collect();
    take(values, &places, None).map_err(|source| CubeError::Arrow { doing: format!("taking values of measure `{}`", measure.name), source })
}

/// The extremes of numbers and times; `None` for other types.
fn of_primitives<const HIGHEST: bool>(data_type: &DataType, pieces: &[ArrayRef], rows: &Rows<'_>) -> Option<ArrayRef> {
    macro_rules! primitive {
        ($t:ty, $data_type:ident, $pieces:ident, $rows:ident) => {
            Some(primitives::<$t, HIGHEST>($data_type, $pieces, $rows))
        };
    }
    downcast_primitive! {
        data_type => (primitive, data_type, pieces, rows),
        _ => None,
    }
}

fn primitives<T: ArrowPrimitiveType, const HIGHEST: bool>(data_type: &DataType, pieces: &[ArrayRef], rows: &Rows<'_>) -> ArrayRef {
    let states: Vec<Extreme<T::Native, HIGHEST>> = accumulate(rows, |piece| pieces[piece].as_primitive::<T>().iter());
    let values: PrimitiveArray<T> = states.into_iter().map(Extreme::value).collect();
    Arc::new(values.with_data_type(data_type.clone()))
}

/// For each group a row that has its extreme value.
fn coded<const HIGHEST: bool>(codes: &Codes, rows: &Rows<'_>) -> Vec<Option<usize>> {
    let first_rows = codes.first_rows();
    let null = codes.null;
    let states: Vec<Extreme<u32, HIGHEST>> = accumulate(rows, |piece| codes.rows[rows.pieces[piece].clone()].iter().map(move |code| (*code != null).then_some(*code)));
    states.into_iter().map(|state| first_rows.get(state.value()? as usize).copied()).collect()
}
