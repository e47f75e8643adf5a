//! Sums, averages and percentiles of integers, decimals and floats.
//!
//! In: a column of numbers. Out: sums in the widest type of their kind, all else as Float64.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, Decimal128Array, Float64Array, Int64Array, downcast_integer};
use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, Decimal32Type, Decimal64Type, Decimal128Type, Float32Type, Float64Type, i256};
use rayon::prelude::*;

use super::accumulate::{Rows, accumulate};
use super::error::CubeError;
use super::measure::Column;
use super::percentile::{Rank, Values};
use super::quotient::quotient;
use super::states::{FloatSum, SumOverflow, WideSum};

/// What the aggregates here take.
const NUMBER: &str = "an integer, a decimal of up to 38 digits or a float";

/// The sum of each group: Int64, Decimal128(38, scale) or Float64; null without a value.
///
/// Errors: a sum that does not fit, naming the measure; a column that is no number.
pub(crate) fn sums(column: &Column<'_>, rows: &Rows<'_>, measure: &str) -> Result<Vec<ArrayRef>, CubeError> {
    if let Some(levels) = whole_states(column, rows) {
        let array = |states: &Vec<WideSum>| match decimal_scale(column.field.data_type()) {
            Some(scale) => decimal_sums(states, scale, measure),
            None => integer_sums(states, measure),
        };
        return levels.iter().map(array).collect();
    }
    let levels = float_states(column, rows).ok_or_else(|| column.unsupported(NUMBER))?;
    Ok(levels.iter().map(|states| doubles(states.iter().map(FloatSum::value))).collect())
}

fn doubles(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

/// The exact sum divided by the number of values, as Float64; null without a value.
///
/// Errors: a sum beyond 128 bits, naming the measure; a column that is no number.
pub(crate) fn averages(column: &Column<'_>, rows: &Rows<'_>, measure: &str) -> Result<Vec<ArrayRef>, CubeError> {
    if let Some(levels) = float_states(column, rows) {
        return Ok(levels.iter().map(|states| doubles(states.iter().map(FloatSum::average))).collect());
    }
    let unit = unit(column.field.data_type());
    let levels = unit.and_then(|_| whole_states(column, rows));
    let (Some(unit), Some(levels)) = (unit, levels) else {
        return Err(column.unsupported(NUMBER));
    };
    let array = |states: &Vec<WideSum>| -> Result<ArrayRef, SumOverflow> {
        let averages: Float64Array = states.iter().map(|state| average(state, unit)).collect::<Result<_, SumOverflow>>()?;
        Ok(Arc::new(averages))
    };
    levels.iter().map(array).collect::<Result<_, _>>().map_err(|SumOverflow| overflow(measure, DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0)))
}

/// The value at a rank of each group, as Float64; null without a value.
///
/// Errors: a column that is no number.
pub(crate) fn percentiles(column: &Column<'_>, rows: &Rows<'_>, rank: Rank) -> Result<Vec<ArrayRef>, CubeError> {
    macro_rules! whole {
        ($t:ty, $column:ident, $rows:ident, $rank:ident) => {
            whole_percentiles::<$t>($column, $rows, $rank)
        };
    }
    let values = downcast_integer! {
        column.field.data_type() => (whole, column, rows, rank),
        DataType::Decimal32(_, _) => whole_percentiles::<Decimal32Type>(column, rows, rank),
        DataType::Decimal64(_, _) => whole_percentiles::<Decimal64Type>(column, rows, rank),
        DataType::Decimal128(_, _) => whole_percentiles::<Decimal128Type>(column, rows, rank),
        DataType::Float32 => Some(float_percentiles::<Float32Type>(column, rows, rank)),
        DataType::Float64 => Some(float_percentiles::<Float64Type>(column, rows, rank)),
        _ => None,
    };
    values.ok_or_else(|| column.unsupported(NUMBER))
}

/// Exact sums of integers or decimals; `None` for other types.
fn whole_states(column: &Column<'_>, rows: &Rows<'_>) -> Option<Vec<Vec<WideSum>>> {
    macro_rules! whole {
        ($t:ty, $column:ident, $rows:ident) => {
            Some(whole_states_of::<$t>($column, $rows))
        };
    }
    downcast_integer! {
        column.field.data_type() => (whole, column, rows),
        DataType::Decimal32(_, _) => Some(whole_states_of::<Decimal32Type>(column, rows)),
        DataType::Decimal64(_, _) => Some(whole_states_of::<Decimal64Type>(column, rows)),
        DataType::Decimal128(_, _) => Some(whole_states_of::<Decimal128Type>(column, rows)),
        _ => None,
    }
}

fn whole_states_of<T>(column: &Column<'_>, rows: &Rows<'_>) -> Vec<Vec<WideSum>>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    accumulate(rows, |piece| column.pieces[piece].as_primitive::<T>().iter().map(|value| value.map(Into::into)))
}

/// Exact sums of floats; `None` for other types.
fn float_states(column: &Column<'_>, rows: &Rows<'_>) -> Option<Vec<Vec<FloatSum>>> {
    match column.field.data_type() {
        DataType::Float32 => Some(float_states_of::<Float32Type>(column, rows)),
        DataType::Float64 => Some(float_states_of::<Float64Type>(column, rows)),
        _ => None,
    }
}

fn float_states_of<T>(column: &Column<'_>, rows: &Rows<'_>) -> Vec<Vec<FloatSum>>
where
    T: ArrowPrimitiveType,
    T::Native: Into<f64>,
{
    accumulate(rows, |piece| column.pieces[piece].as_primitive::<T>().iter().map(|value| value.map(Into::into)))
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

fn average(state: &WideSum, unit: i128) -> Result<Option<f64>, SumOverflow> {
    let count = i256::from_i128(i128::from(state.count()));
    let divisor = i256::from_i128(unit).wrapping_mul(count);
    Ok(state.value()?.map(|sum| quotient(sum, divisor)))
}

/// Percentiles of integers or decimals; `None` for a decimal of negative scale.
fn whole_percentiles<T>(column: &Column<'_>, rows: &Rows<'_>, rank: Rank) -> Option<Vec<ArrayRef>>
where
    T: ArrowPrimitiveType,
    T::Native: Into<i128>,
{
    let unit = i256::from_i128(unit(column.field.data_type())?);
    let number = |value: T::Native| quotient(value.into(), unit);
    Some(percentiles_of(values_of::<T>(column, rows), rank, number))
}

fn float_percentiles<T>(column: &Column<'_>, rows: &Rows<'_>, rank: Rank) -> Vec<ArrayRef>
where
    T: ArrowPrimitiveType,
    T::Native: Into<f64>,
{
    percentiles_of(values_of::<T>(column, rows), rank, Into::into)
}

fn values_of<T: ArrowPrimitiveType>(column: &Column<'_>, rows: &Rows<'_>) -> Vec<Vec<Values<T::Native>>> {
    accumulate(rows, |piece| column.pieces[piece].as_primitive::<T>().iter())
}

fn percentiles_of<N: ArrowNativeTypeOp>(levels: Vec<Vec<Values<N>>>, rank: Rank, number: impl Fn(N) -> f64 + Sync) -> Vec<ArrayRef> {
    let of_groups = |groups: Vec<Values<N>>| -> Vec<Option<f64>> { groups.into_par_iter().map(|group| rank.of(group, &number)).collect() };
    levels.into_iter().map(|groups| doubles(of_groups(groups).into_iter())).collect()
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
