//! The types of columns: Arrow's, as the planner knows them, and those of Polars.
//!
//! Instants are microseconds in UTC, local times are microseconds without a zone, text is text however it is stored.
//! The planner widens timestamps to nanoseconds; [`logical`] takes that back, so it must see every type first.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use polars::prelude as pl;

use super::error::Fault;

/// The type of an instant.
pub(crate) fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The type of a local time.
pub(crate) fn local() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// One spelling of each type; types that we do not know stay as they are.
pub(crate) fn logical(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 | DataType::Utf8 => DataType::Utf8,
        DataType::Dictionary(_, value) => logical(value),
        DataType::Timestamp(_, Some(_)) => instant(),
        DataType::Timestamp(_, None) => local(),
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => DataType::Decimal128(*precision, *scale),
        other => other.clone(),
    }
}

/// The schema with one spelling of each type; every column may be null.
pub(crate) fn logical_schema(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema.fields().iter().map(|field| Field::new(field.name(), logical(field.data_type()), true)).collect();
    Arc::new(Schema::new(fields))
}

/// The type of Polars for a column.
///
/// Errors: nested, binary, interval and 256-bit types are unsupported, by name.
pub(crate) fn polars_type(data_type: &DataType) -> Result<pl::DataType, Fault> {
    let refused = || Fault::unsupported(format!("the type `{data_type}`"));
    Ok(match logical(data_type) {
        DataType::Null => pl::DataType::Null,
        DataType::Boolean => pl::DataType::Boolean,
        DataType::Int8 => pl::DataType::Int8,
        DataType::Int16 => pl::DataType::Int16,
        DataType::Int32 => pl::DataType::Int32,
        DataType::Int64 => pl::DataType::Int64,
        DataType::UInt8 => pl::DataType::UInt8,
        DataType::UInt16 => pl::DataType::UInt16,
        DataType::UInt32 => pl::DataType::UInt32,
        DataType::UInt64 => pl::DataType::UInt64,
        DataType::Float32 => pl::DataType::Float32,
        DataType::Float64 => pl::DataType::Float64,
        DataType::Utf8 => pl::DataType::String,
        DataType::Date32 => pl::DataType::Date,
        DataType::Time64(TimeUnit::Nanosecond) => pl::DataType::Time,
        DataType::Timestamp(_, None) => pl::DataType::Datetime(pl::TimeUnit::Microseconds, None),
        DataType::Timestamp(_, Some(_)) => pl::DataType::Datetime(pl::TimeUnit::Microseconds, Some(pl::TimeZone::UTC)),
        DataType::Decimal128(precision, scale) => pl::DataType::Decimal(usize::from(precision), usize::try_from(scale).map_err(|_| refused())?),
        _ => return Err(refused()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_microseconds_whatever_the_planner_made_of_them() {
        let wide = DataType::Timestamp(TimeUnit::Nanosecond, Some("+00:00".into()));
        assert_eq!(logical(&wide), instant());
        assert_eq!(polars_type(&DataType::Timestamp(TimeUnit::Nanosecond, None)).unwrap(), pl::DataType::Datetime(pl::TimeUnit::Microseconds, None));
    }

    #[test]
    fn nested_types_are_refused_by_name() {
        let list = DataType::new_list(DataType::Int64, true);
        assert!(matches!(polars_type(&list), Err(Fault::Unsupported(text)) if text.contains("List")));
    }
}
