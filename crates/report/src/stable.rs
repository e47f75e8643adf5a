//! The types that result tables have, and batches brought to them.
//!
//! Text, signed whole numbers of 32 and 64 bits, doubles, booleans, dates, UTC microseconds and decimals; nothing unsigned, nothing nested.
//! A narrower or differently encoded column is widened; any other type is refused by name.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use deltalake::kernel::{DataType as DeltaType, StructField, StructType};

use crate::error::ReportError;

/// What to do with a value that the wanted type cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// Refuse the column.
    Refuse,
    /// Make it null: the row is about to go anyway.
    Null,
}

/// The type that a column has in a result table; `None` for types that none can have.
///
/// Text of many rows may come as codes, and stays so until it is in a file.
pub(crate) fn stable_type(found: &DataType) -> Option<DataType> {
    match found {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(DataType::Utf8),
        codes if *codes == coded() => Some(coded()),
        DataType::Dictionary(_, value) => stable_type(value),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => Some(DataType::Int32),
        DataType::Float32 | DataType::Float64 => Some(DataType::Float64),
        DataType::Int64 | DataType::Boolean | DataType::Date32 => Some(found.clone()),
        DataType::Decimal128(_, scale) if *scale >= 0 => Some(found.clone()),
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if matches!(zone.as_ref(), "UTC" | "+00:00") => Some(utc_microseconds()),
        _ => None,
    }
}

/// Whether a column is text, as it is or as codes.
pub(crate) fn is_text(stable: &DataType) -> bool {
    matches!(stable, DataType::Utf8 | DataType::Dictionary(_, _))
}

/// The type of text as codes.
pub(crate) fn coded() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The type of an instant.
pub(crate) fn utc_microseconds() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A batch with stable types, every column nullable.
pub(crate) fn stabilise(table: &str, batch: &RecordBatch) -> Result<RecordBatch, ReportError> {
    let mut fields = Vec::with_capacity(batch.num_columns());
    for field in batch.schema_ref().fields() {
        let Some(stable) = stable_type(field.data_type()) else {
            return Err(ReportError::Schema {
                table: table.to_owned(),
                column: field.name().clone(),
                expected: "text, Int32, Int64, Float64, Boolean, Date32, a UTC timestamp in microseconds or a decimal".to_owned(),
                found: field.data_type().to_string(),
            });
        };
        fields.push(Field::new(field.name(), stable, true));
    }
    let schema = Arc::new(Schema::new(fields));
    align(table, batch, &schema, Misfit::Refuse)
}

/// A batch with the columns of a schema: cast where the type differs, null where the column is not there.
pub(crate) fn align(table: &str, batch: &RecordBatch, schema: &SchemaRef, misfit: Misfit) -> Result<RecordBatch, ReportError> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) => cast(table, field, column, misfit),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(ReportError::rows(table, "align"))
}

fn cast(table: &str, field: &Field, column: &ArrayRef, misfit: Misfit) -> Result<ArrayRef, ReportError> {
    if column.data_type() == field.data_type() {
        return Ok(Arc::clone(column));
    }
    let options = CastOptions { safe: misfit == Misfit::Null, ..CastOptions::default() };
    match cast_with_options(column, field.data_type(), &options) {
        Ok(cast) => Ok(cast),
        Err(_) if misfit == Misfit::Null => Ok(new_null_array(field.data_type(), column.len())),
        Err(_) => Err(ReportError::Schema {
            table: table.to_owned(),
            column: field.name().clone(),
            expected: format!("values that fit {}", field.data_type()),
            found: column.data_type().to_string(),
        }),
    }
}

/// The columns of new rows, then those that only kept rows have a value in.
pub(crate) fn union(new: &SchemaRef, kept: &RecordBatch) -> SchemaRef {
    let mut fields: Vec<Arc<Field>> = new.fields().iter().cloned().collect();
    for (field, column) in kept.schema_ref().fields().iter().zip(kept.columns()) {
        if new.field_with_name(field.name()).is_err() && column.null_count() < column.len() {
            fields.push(Arc::clone(field));
        }
    }
    Arc::new(Schema::new(fields))
}

/// The schema of a Delta table with these columns.
pub(crate) fn delta_schema(table: &str, schema: &Schema) -> Result<StructType, ReportError> {
    let mut seen = BTreeSet::new();
    let mut fields = Vec::with_capacity(schema.fields().len());
    let fault = |field: &Field, expected: &str| ReportError::Schema {
        table: table.to_owned(),
        column: field.name().clone(),
        expected: expected.to_owned(),
        found: field.data_type().to_string(),
    };
    for field in schema.fields() {
        if !seen.insert(field.name().to_lowercase()) {
            return Err(fault(field, "one column of that name, in small or capital letters"));
        }
        let kind = delta_type(field.data_type()).ok_or_else(|| fault(field, "a type that Delta tables have"))?;
        fields.push(StructField::nullable(field.name(), kind));
    }
    StructType::try_new(fields).map_err(|error| ReportError::Schema {
        table: table.to_owned(),
        column: schema.fields().first().map_or_else(String::new, |f| f.name().clone()),
        expected: "columns that make a Delta schema".to_owned(),
        found: error.to_string(),
    })
}

fn delta_type(arrow: &DataType) -> Option<DeltaType> {
    match arrow {
        text if is_text(text) => Some(DeltaType::STRING),
        DataType::Int32 => Some(DeltaType::INTEGER),
        DataType::Int64 => Some(DeltaType::LONG),
        DataType::Float64 => Some(DeltaType::DOUBLE),
        DataType::Boolean => Some(DeltaType::BOOLEAN),
        DataType::Date32 => Some(DeltaType::DATE),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => Some(DeltaType::TIMESTAMP),
        DataType::Decimal128(precision, scale) => DeltaType::decimal(*precision, u8::try_from(*scale).ok()?).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Misfit, align, delta_schema, stabilise, stable_type, union};
    use arrow::array::{ArrayRef, AsArray, Int64Array, LargeStringArray, RecordBatch, StringArray, UInt32Array};
    use arrow::datatypes::DataType;
    use std::sync::Arc;

    fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
    }

    #[test]
    fn text_of_any_encoding_is_utf8() {
        let rows = batch(vec![("team", Arc::new(LargeStringArray::from(vec![Some("영업"), None])))]);
        let stable = stabilise("t", &rows).unwrap();
        assert_eq!(stable.column(0).as_string::<i32>().value(0), "영업");
        assert_eq!(stable.column(0).data_type(), &DataType::Utf8);
    }

    #[test]
    fn unsigned_columns_are_refused_by_name() {
        let rows = batch(vec![("n", Arc::new(UInt32Array::from(vec![1])))]);
        let message = stabilise("t", &rows).unwrap_err().to_string();
        assert_eq!(message, "table `t`: column `n` is UInt32, expected text, Int32, Int64, Float64, Boolean, Date32, a UTC timestamp in microseconds or a decimal");
        assert_eq!(stable_type(&DataType::Decimal128(18, -1)), None);
    }

    #[test]
    fn a_dropped_column_stays_while_kept_rows_have_a_value() {
        let new = batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]).schema();
        let with = batch(vec![("b", Arc::new(Int64Array::from(vec![2]))), ("a", Arc::new(Int64Array::from(vec![1])))]);
        let names: Vec<String> = union(&new, &with).fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names, ["a", "b"]);
        let without = batch(vec![("b", Arc::new(Int64Array::from(vec![None::<i64>]))), ("a", Arc::new(Int64Array::from(vec![1])))]);
        assert_eq!(union(&new, &without).fields().len(), 1);
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_or_null() {
        let old = batch(vec![("a", Arc::new(StringArray::from(vec!["x"])))]);
        let wanted = batch(vec![("a", Arc::new(Int64Array::from(vec![1])))]).schema();
        let message = align("t", &old, &wanted, Misfit::Refuse).unwrap_err().to_string();
        assert_eq!(message, "table `t`: column `a` is Utf8, expected values that fit Int64");
        assert_eq!(align("t", &old, &wanted, Misfit::Null).unwrap().column(0).null_count(), 1);
    }

    #[test]
    fn names_that_differ_by_case_alone_are_one_too_many() {
        let rows = batch(vec![("a", Arc::new(Int64Array::from(vec![1]))), ("A", Arc::new(Int64Array::from(vec![1])))]);
        assert!(delta_schema("t", rows.schema_ref()).is_err());
    }
}
