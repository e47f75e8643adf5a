//! Lowest and highest values of any ordered type.
//!
//! In: a column. Out: an array of the same type, null where a group has no value.

use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, downcast_primitive};

use super::accumulate::{Rows, accumulate};
use super::codes::Codes;
use super::error::CubeError;
use super::fact::Fact;
use super::measure::Column;
use super::states::Extreme;

/// The lowest value of each group, or the highest.
///
/// What is not a number or a time is compared by its codes.
pub(crate) fn extremes<const HIGHEST: bool>(column: &Column<'_>, rows: &Rows<'_>, fact: &Fact<'_>) -> Result<Vec<ArrayRef>, CubeError> {
    macro_rules! primitive {
        ($t:ty, $column:ident, $rows:ident) => {
            Ok(primitives::<$t, HIGHEST>($column, $rows))
        };
    }
    let data_type = column.field.data_type();
    downcast_primitive! {
        data_type => (primitive, column, rows),
        _ => match column.codes {
            Some(codes) => coded::<HIGHEST>(codes, rows).iter().map(|found| fact.take(column.index, found)).collect(),
            None => Err(column.unsupported("an ordered type")),
        },
    }
}

fn primitives<T: ArrowPrimitiveType, const HIGHEST: bool>(column: &Column<'_>, rows: &Rows<'_>) -> Vec<ArrayRef> {
    let levels: Vec<Vec<Extreme<T::Native, HIGHEST>>> = accumulate(rows, |piece| column.pieces[piece].as_primitive::<T>().iter());
    let array = |states: Vec<Extreme<T::Native, HIGHEST>>| -> ArrayRef {
        let values: PrimitiveArray<T> = states.into_iter().map(Extreme::value).collect();
        Arc::new(values.with_data_type(column.field.data_type().clone()))
    };
    levels.into_iter().map(array).collect()
}

/// For each group a row that has its extreme value, level by level.
fn coded<const HIGHEST: bool>(codes: &Codes, rows: &Rows<'_>) -> Vec<Vec<Option<usize>>> {
    let first_rows = codes.first_rows();
    let null = codes.null;
    let levels: Vec<Vec<Extreme<u32, HIGHEST>>> = accumulate(rows, |piece| codes.rows[rows.pieces[piece].clone()].iter().map(move |code| (*code != null).then_some(*code)));
    let row = |state: Extreme<u32, HIGHEST>| first_rows.get(state.value()? as usize).copied();
    levels.into_iter().map(|states| states.into_iter().map(row).collect()).collect()
}
