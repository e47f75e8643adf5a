//! Values of a batch as cells: what every format prints from.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, SecondsFormat};

use crate::error::ReportError;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// No value.
    Null,
    /// Text of the data.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A double.
    Float(f64),
    /// An exact decimal, written out.
    Decimal(String),
    /// Yes or no.
    Boolean(bool),
    /// A date or an instant, in ISO 8601.
    Moment(String),
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is set to the right.
    pub(crate) is_number: bool,
    /// Its values, one per row.
    pub(crate) cells: Vec<Cell>,
}

/// The columns of a batch.
pub(crate) fn columns(batch: &RecordBatch) -> Result<Vec<Column>, ReportError> {
    let fields = batch.schema_ref().fields().iter().zip(batch.columns());
    fields
        .map(|(field, values)| {
            let cells = cells(values).ok_or_else(|| ReportError::Render { column: field.name().clone(), found: field.data_type().to_string() })?;
            Ok(Column { name: field.name().clone(), is_number: field.data_type().is_numeric(), cells })
        })
        .collect()
}

/// The values of each column as texts, null where there is none: numbers and moments as CSV has them.
///
/// # Errors
/// [`ReportError::Render`] for a type without text.
pub fn cell_texts(batch: &RecordBatch) -> Result<Vec<Vec<Option<String>>>, ReportError> {
    let text = |cell: Cell| match cell {
        Cell::Null => None,
        Cell::Text(text) | Cell::Decimal(text) | Cell::Moment(text) => Some(text),
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Float(number) => Some(number.to_string()),
        Cell::Boolean(flag) => Some(flag.to_string()),
    };
    Ok(columns(batch)?.into_iter().map(|column| column.cells.into_iter().map(text).collect()).collect())
}

/// The values of a column; `None` if its type has no text.
fn cells(values: &ArrayRef) -> Option<Vec<Cell>> {
    let plain = plain(values)?;
    let rows = 0..plain.len();
    let filled = |row: usize, value: &dyn Fn(usize) -> Option<Cell>| if plain.is_null(row) { Some(Cell::Null) } else { value(row) };
    match plain.data_type() {
        DataType::Null => Some(vec![Cell::Null; plain.len()]),
        DataType::Utf8 => {
            let texts = plain.as_string::<i32>();
            rows.map(|row| filled(row, &|row| Some(Cell::Text(texts.value(row).to_owned())))).collect()
        }
        DataType::Boolean => {
            let flags = plain.as_boolean();
            rows.map(|row| filled(row, &|row| Some(Cell::Boolean(flags.value(row))))).collect()
        }
        DataType::Int64 => {
            let numbers = plain.as_primitive::<Int64Type>();
            rows.map(|row| filled(row, &|row| Some(Cell::Integer(numbers.value(row))))).collect()
        }
        DataType::Float64 => {
            let numbers = plain.as_primitive::<Float64Type>();
            rows.map(|row| filled(row, &|row| Some(Cell::Float(numbers.value(row))))).collect()
        }
        DataType::Decimal128(..) => {
            let numbers = plain.as_primitive::<Decimal128Type>();
            rows.map(|row| filled(row, &|row| Some(Cell::Decimal(numbers.value_as_string(row))))).collect()
        }
        DataType::Date32 => {
            let days = plain.as_primitive::<Date32Type>();
            rows.map(|row| filled(row, &|row| Date32Type::to_naive_date_opt(days.value(row)).map(|d| Cell::Moment(d.to_string())))).collect()
        }
        DataType::Timestamp(_, zone) => {
            let instants = plain.as_primitive::<TimestampMicrosecondType>();
            rows.map(|row| filled(row, &|row| moment(instants.value(row), zone.is_some()))).collect()
        }
        _ => None,
    }
}

/// The column in the widest type of its kind.
fn plain(values: &ArrayRef) -> Option<ArrayRef> {
    let wanted = match values.data_type() {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, inner) => inner.as_ref().clone(),
        kind if kind.is_integer() => DataType::Int64,
        DataType::Float16 | DataType::Float32 => DataType::Float64,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.clone()),
        DataType::Date64 => DataType::Date32,
        kind => kind.clone(),
    };
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(values, &wanted, &options).ok()
}

/// An instant as `2024-05-01T00:00:00Z`, a wall time without the `Z`.
fn moment(micros: i64, in_utc: bool) -> Option<Cell> {
    let text = DateTime::from_timestamp_micros(micros)?.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let text = if in_utc { text } else { text.trim_end_matches('Z').to_owned() };
    Some(Cell::Moment(text))
}
