//! Rows to Arrow columns: one function per type of the source tables.
//!
//! Every column may hold nulls, as in a lake that loaders wrote; which of them must not is a matter of the checks.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field};

/// A named column.
pub(crate) type Column = (Field, ArrayRef);

/// Text in UTF-8.
pub(crate) fn text<S: AsRef<str>>(name: &str, values: impl Iterator<Item = Option<S>>) -> Column {
    column(name, Arc::new(values.collect::<StringArray>()))
}

/// Instants: microseconds since 1970-01-01T00:00Z, in the zone `UTC`.
pub(crate) fn instant(name: &str, values: impl Iterator<Item = Option<i64>>) -> Column {
    column(name, Arc::new(values.collect::<TimestampMicrosecondArray>().with_timezone("UTC")))
}

/// Dates: days since 1970-01-01.
pub(crate) fn day(name: &str, values: impl Iterator<Item = Option<i32>>) -> Column {
    column(name, Arc::new(values.collect::<Date32Array>()))
}

/// Money: hundredths, as `Decimal(18, 2)`.
pub(crate) fn money(name: &str, values: impl Iterator<Item = Option<i64>>) -> Column {
    decimal(name, 2, values)
}

/// Rates of exchange: hundred-millionths, as `Decimal(18, 8)`.
pub(crate) fn rate(name: &str, values: impl Iterator<Item = Option<i64>>) -> Column {
    decimal(name, 8, values)
}

/// Numbers that stay small.
pub(crate) fn int(name: &str, values: impl Iterator<Item = Option<i32>>) -> Column {
    column(name, Arc::new(values.collect::<Int32Array>()))
}

/// Numbers that are summed.
pub(crate) fn long(name: &str, values: impl Iterator<Item = Option<i64>>) -> Column {
    column(name, Arc::new(values.collect::<Int64Array>()))
}

/// Yes, no or unknown.
pub(crate) fn flag(name: &str, values: impl Iterator<Item = Option<bool>>) -> Column {
    column(name, Arc::new(values.collect::<BooleanArray>()))
}

fn decimal(name: &str, scale: i8, values: impl Iterator<Item = Option<i64>>) -> Column {
    let array: Decimal128Array = values.map(|value| value.map(i128::from)).collect();
    column(name, Arc::new(array.with_data_type(DataType::Decimal128(18, scale))))
}

fn column(name: &str, array: ArrayRef) -> Column {
    (Field::new(name, array.data_type().clone(), true), array)
}
