//! Sums, averages and percentiles of integers, decimals and floats.
//!
//! In: a column of numbers, then its states. Out: sums in the widest type of their kind, all else as Float64.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, Decimal128Array, Float64Array, Int64Array, downcast_integer};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Float32Type, Float64Type, i256};
use quotient_model::Agg;
use rayon::prelude::*;

use super::accumulate::{Rows, accumulate};
use super::error::CubeError;
use super::measure::Column;
use super::measured::Measured;
use super::percentile::{Rank, Values};
use super::quotient::quotient;
use super::request::CubeMeasure;
use super::states::{FloatSum, State, SumOverflow, WideSum};

/// What the aggregates here take.
const NUMBER: &str = "an integer, a decimal of up to 38 digits or a float";

/// The exact sum of each group.
///
/// Errors: a column that is no number.
pub(crate) fn sums(column: &Column<'_>, rows: &Rows<'_>) -> Result<Measured, CubeError> {
    let whole = || whole_states(column, rows).map(Measured::WholeSums);
    whole().or_else(|| float_states(column, rows).map(Measured::FloatSums)).ok_or_else(|| column.unsupported(NUMBER))
}

/// The same for averages.
///
/// Errors: a column that is no number, or a decimal of negative scale.
pub(crate) fn averages(column: &Column<'_>, rows: &Rows<'_>) -> Result<Measured, CubeError> {
    if has_unit(column) { sums(column, rows) } else { Err(column.unsupported(NUMBER)) }
}

/// All values of each group.
///
/// Errors: a column that is no number, or a decimal of negative scale.
pub(crate) fn all_values(column: &Column<'_>, rows: &Rows<'_>) -> Result<Measured, CubeError> {
    if !has_unit(column) {
        return Err(column.unsupported(NUMBER));
    }
    let whole = || whole_states(column, rows).map(Measured::WholeValues);
    whole().or_else(|| float_states(column, rows).map(Measured::FloatValues)).ok_or_else(|| column.unsupported(NUMBER))
}

fn has_unit(column: &Column<'_>) -> bool {
    column.field.data_type().is_floating() || unit(column.field.data_type()).is_some()
}

/// States of integers or decimals; `None` for other types.
fn whole_states<S: State<Value = i128>>(column: &Column<'_>, rows: &Rows<'_>) -> Option<Vec<S>> {
    macro_rules! whole {
        ($t:ty, $column:ident, $rows:ident) => {
            Some(states_of::<$t, S>($column, $rows))
        };
    }
    downcast_integer! {
        column.field.data_type() => (whole, column, rows),
        DataType::Decimal32(_, _) => whole!(Decimal32Type, column, rows),
        DataType::Decimal64(_, _) => whole!(Decimal64Type, column, rows),
        DataType::Decimal128(_, _) => whole!(Decimal128Type, column, rows),
        _ => None,
    }
}

/// States of floats; `None` for other types.
fn float_states<S: State<Value = f64>>(column: &Column<'_>, rows: &Rows<'_>) -> Option<Vec<S>> {
    match column.field.data_type() {
        DataType::Float32 => Some(states_of::<Float32Type, S>(column, rows)),
        DataType::Float64 => Some(states_of::<Float64Type, S>(column, rows)),
        _ => None,
    }
}

fn states_of<T, S>(column: &Column<'_>, rows: &Rows<'_>) -> Vec<S>
where
    T: ArrowPrimitiveType,
    T::Native: Into<S::Value>,
    S: State,
{
    accumulate(rows, |piece| column.pieces[piece].as_primitive::<T>().iter().map(|value| value.map(Into::into)))
}

/// Whole numbers as Int64.
pub(crate) fn whole_numbers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

fn doubles(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// Sums of a column of this type as Int64 or Decimal128(38, scale); averages as Float64. Null without a value.
///
/// Errors: a sum that does not fit, naming the measure.
pub(crate) fn of_whole_sums(states: &[WideSum], measure: &CubeMeasure, column: &DataType) -> Result<ArrayRef, CubeError> {
    match (&measure.aggregate, decimal_scale(column)) {
        (Agg::Average, _) => averages_of(states, unit(column).unwrap_or(1)).map_err(|SumOverflow| overflow(&measure.name, DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0))),
        (_, Some(scale)) => decimal_sums(states, scale, &measure.name),
        (_, None) => integer_sums(states, &measure.name),
    }
}

/// Sums or averages as Float64, rounded once; null without a value.
pub(crate) fn of_float_sums(states: &[FloatSum], measure: &CubeMeasure) -> ArrayRef {
    let value = if measure.aggregate == Agg::Average { FloatSum::average } else { FloatSum::value };
    doubles(states.iter().map(value))
}

/// The value at a rank of each group of a column of this type, as Float64; null without a value.
pub(crate) fn of_whole_values(groups: Vec<Values<i128>>, rank: Rank, column: &DataType) -> ArrayRef {
    let unit = i256::from_i128(unit(column).unwrap_or(1));
    at_rank(groups, rank, |value| quotient(value, unit))
}

/// The same of floats.
pub(crate) fn of_float_values(groups: Vec<Values<f64>>, rank: Rank) -> ArrayRef {
    at_rank(groups, rank, |value| value)
}

fn at_rank<N: ArrowNativeTypeOp>(groups: Vec<Values<N>>, rank: Rank, number: impl Fn(N) -> f64 + Sync) -> ArrayRef {
    let found: Vec<Option<f64>> = groups.into_par_iter().map(|group| rank.of(group, &number)).collect();
    doubles(found.into_iter())
}

fn integer_sums(states: &[WideSum], measure: &str) -> Result<ArrayRef, CubeError> {
    let values = states
        .iter()
        .map(|state| {
            let sum = state.value()?;
            sum.map(|sum| i64::try_from(sum).map_err(|_| SumOverflow)).transpose()
        })
        .collect::<Result<Int64Array, SumOverflow>>()
        .map_err(|SumOverflow| overflow(measure, DataType::Int64))?;
    Ok(Arc::new(values))
}

fn decimal_sums(states: &[WideSum], scale: i8, measure: &str) -> Result<ArrayRef, CubeError> {
    let limit = 10_u128.pow(u32::from(DECIMAL128_MAX_PRECISION));
    let fits = |sum: Option<i128>| sum.is_none_or(|sum| sum.unsigned_abs() < limit);
    let values = states
        .iter()
        .map(|state| {
            let sum = state.value()?;
            if fits(sum) { Ok(sum) } else { Err(SumOverflow) }
        })
        .collect::<Result<Decimal128Array, SumOverflow>>()
        .map_err(|SumOverflow| {
            let widest = DataType::Decimal128(DECIMAL128_MAX_PRECISION, scale);
            overflow(measure, widest)
        })?
        .with_precision_and_scale(DECIMAL128_MAX_PRECISION, scale)
        .map_err(|source| CubeError::Arrow { doing: format!("building the sums of measure `{measure}`"), source })?;
    Ok(Arc::new(values))
}

/// Exact sums divided by the number of values; a stored number of `unit` means one.
fn averages_of(states: &[WideSum], unit: i128) -> Result<ArrayRef, SumOverflow> {
    let average = |state: &WideSum| {
        let divisor = i256::from_i128(unit).wrapping_mul(i256::from_i128(i128::from(state.count())));
        Ok(state.value()?.map(|sum| quotient(sum, divisor)))
    };
    let averages: Float64Array = states.iter().map(average).collect::<Result<_, SumOverflow>>()?;
    Ok(Arc::new(averages))
}

/// The stored number that means one; `None` for a decimal of negative scale or another type.
fn unit(data_type: &DataType) -> Option<i128> {
    match decimal_scale(data_type) {
        Some(scale) => 10_i128.checked_pow(u32::try_from(scale).ok()?),
        None => data_type.is_integer().then_some(1),
    }
}

fn decimal_scale(data_type: &DataType) -> Option<i8> {
    match data_type {
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => Some(*scale),
        _ => None,
    }
}

fn overflow(measure: &str, data_type: DataType) -> CubeError {
    CubeError::Overflow { measure: measure.to_owned(), data_type }
}
