//! One value of an answer, ours or the expected one.
//!
//! In: an Arrow column, a YAML value, or the text of a CSV field. Out: a [`Cell`] that can be compared with another.

use std::fmt;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, SecondsFormat};
use quotient_model::Value;

/// What a difference between floats near zero may be at most.
const NEAR_ZERO: f64 = 1e-12;

/// A value. Dates and instants are ISO texts; a decimal is written without zeros at its ends, so that equal values are equal texts.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No value.
    Null,
    /// Yes or no.
    Boolean(bool),
    /// A count.
    Integer(i64),
    /// A number that may be rounded.
    Float(f64),
    /// An exact number.
    Decimal(String),
    /// Anything else.
    Text(String),
}

impl Cell {
    /// The value of a row of a column.
    #[must_use]
    pub fn found(column: &ArrayRef, row: usize) -> Self {
        if column.is_null(row) {
            return Self::Null;
        }
        match column.data_type() {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Boolean(column.as_boolean().value(row)),
            DataType::Int32 => Self::Integer(column.as_primitive::<Int32Type>().value(row).into()),
            DataType::Int64 => Self::Integer(column.as_primitive::<Int64Type>().value(row)),
            DataType::Float64 => Self::Float(column.as_primitive::<Float64Type>().value(row)),
            DataType::Decimal128(..) => Self::decimal(&column.as_primitive::<Decimal128Type>().value_as_string(row)),
            DataType::Utf8 => Self::Text(column.as_string::<i32>().value(row).to_owned()),
            DataType::LargeUtf8 => Self::Text(column.as_string::<i64>().value(row).to_owned()),
            DataType::Utf8View => Self::Text(column.as_string_view().value(row).to_owned()),
            DataType::Date32 => Self::Text(Date32Type::to_naive_date_opt(column.as_primitive::<Date32Type>().value(row)).unwrap().to_string()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                let instant = DateTime::from_timestamp_micros(column.as_primitive::<TimestampMicrosecondType>().value(row)).unwrap();
                Self::Text(instant.to_rfc3339_opts(SecondsFormat::AutoSi, true))
            }
            other => panic!("an answer has a column of type {other}"),
        }
    }

    /// What a case file expects in a column of this type; a kind that does not fit stays as it is, and differs.
    #[must_use]
    pub fn wanted(value: &Value, data_type: &DataType) -> Self {
        match (value, data_type) {
            (Value::Null, _) => Self::Null,
            (Value::Text(text), DataType::Decimal128(..)) => Self::decimal(text),
            (Value::Text(text), _) => Self::Text(text.clone()),
            (Value::Integer(number), kind) if is_text(kind) => Self::Text(number.to_string()),
            (Value::Integer(number), _) => Self::Integer(*number),
            (Value::Float(number), _) => Self::Float(*number),
            (Value::Boolean(flag), kind) if is_text(kind) => Self::Text(flag.to_string()),
            (Value::Boolean(flag), _) => Self::Boolean(*flag),
            (Value::List(_) | Value::Map(_), _) => panic!("expected a scalar in a row, found a list or a mapping"),
        }
    }

    /// What a field of a CSV says in a column of this type; an empty one is null, one that cannot be read is a text, and differs.
    #[must_use]
    pub fn read(text: &str, data_type: &DataType) -> Self {
        let raw = || Self::Text(text.to_owned());
        if text.is_empty() {
            return Self::Null;
        }
        match data_type {
            DataType::Int32 | DataType::Int64 => text.parse().map_or_else(|_| raw(), Self::Integer),
            DataType::Float64 => text.parse().map_or_else(|_| raw(), Self::Float),
            DataType::Decimal128(..) => Self::decimal(text),
            DataType::Boolean => text.parse().map_or_else(|_| raw(), Self::Boolean),
            _ => raw(),
        }
    }

    /// Whether two values are the same: exactly, or for floats within a relative tolerance.
    #[must_use]
    pub fn agrees(&self, other: &Self, tolerance: f64) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => (a - b).abs() <= NEAR_ZERO.max(tolerance * a.abs().max(b.abs())),
            _ => self == other,
        }
    }

    /// A count or an exact number in millionths; `None` for what cannot be added up exactly.
    #[must_use]
    pub fn millionths(&self) -> Option<i128> {
        match self {
            Self::Integer(number) => Some(i128::from(*number) * 1_000_000),
            Self::Decimal(text) => unscaled(text, 6),
            _ => None,
        }
    }

    fn decimal(text: &str) -> Self {
        plain(text).map_or_else(|| Self::Text(text.to_owned()), Self::Decimal)
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(flag) => write!(f, "{flag}"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Decimal(text) => write!(f, "\"{text}\""),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A decimal text as a whole number of units of 10^-scale; `None` if it is no decimal or has more digits.
pub(crate) fn unscaled(text: &str, scale: usize) -> Option<i128> {
    let text = plain(text)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = format!("{whole}{fraction:0<scale$}");
    if fraction.len() > scale { None } else { digits.parse().ok() }
}

/// A decimal without zeros at its ends.
fn plain(text: &str) -> Option<String> {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !whole.chars().chain(fraction.chars()).all(|c| c.is_ascii_digit()) {
        return None;
    }
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    Some(match (whole, fraction) {
        ("", "") => "0".to_owned(),
        ("", fraction) => format!("{sign}0.{fraction}"),
        (whole, "") => format!("{sign}{whole}"),
        (whole, fraction) => format!("{sign}{whole}.{fraction}"),
    })
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
