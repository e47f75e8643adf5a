//! Casts between the types of SQL, and the literals of each type.
//!
//! `CAST` fails on a value that does not fit, `TRY_CAST` gives null.
//! Numbers are rounded to the nearest, as in DuckDB: doubles half to even, decimals half away from zero.
//! Casts whose meaning depends on a session's time zone are refused.

use arrow::datatypes::DataType;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use datafusion_common::ScalarValue;
use polars::prelude as pl;

use super::error::Fault;
use super::types::{logical, polars_type};

/// A cast of one expression.
pub(crate) struct Cast {
    /// What is cast.
    pub(crate) expression: pl::Expr,
    /// Its type.
    pub(crate) from: DataType,
    /// The type asked for.
    pub(crate) to: DataType,
    /// Whether a value that does not fit is an error; otherwise it is null.
    pub(crate) strict: bool,
}

/// The cast as an expression.
///
/// Errors: pairs of types without one meaning in every engine are unsupported, by name.
pub(crate) fn lower_cast(cast: Cast) -> Result<pl::Expr, Fault> {
    let (from, to) = (logical(&cast.from), logical(&cast.to));
    let target = polars_type(&to)?;
    let Cast { expression, strict, .. } = cast;
    let refused = |hint: &str| Err(Fault::unsupported(format!("the cast of `{from}` to `{to}`{hint}")));
    let plain = |expression: pl::Expr| {
        if strict { expression.strict_cast(target.clone()) } else { expression.cast(target.clone()) }
    };
    match (&from, &to) {
        (from, to) if from == to => Ok(expression),
        (DataType::Null, _) | (DataType::Date32, DataType::Timestamp(_, None)) => Ok(expression.cast(target)),
        (DataType::Utf8, DataType::Date32) => Ok(parsed(expression, strict, date_text).cast(target)),
        (DataType::Utf8, DataType::Timestamp(_, Some(_))) => Ok(parsed(expression, strict, instant_text).cast(target)),
        (DataType::Utf8, DataType::Timestamp(_, None)) => Ok(parsed(expression, strict, local_text).cast(target)),
        (DataType::Utf8, DataType::Boolean) => refused(": compare the text instead"),
        (DataType::Timestamp(_, Some(_)), DataType::Date32) => refused(": use `local_date`"),
        (DataType::Timestamp(_, Some(_)), DataType::Timestamp(_, None)) => refused(": use `local_timestamp`"),
        (DataType::Date32, DataType::Timestamp(_, Some(_))) => refused(": use `local_midnight`"),
        (DataType::Timestamp(_, None), DataType::Timestamp(_, Some(_))) | (DataType::Timestamp(_, _), DataType::Utf8) => refused(""),
        (DataType::Timestamp(_, None), DataType::Date32) => Ok(expression.dt().date()),
        (DataType::Timestamp(_, _) | DataType::Date32, _) if to != DataType::Utf8 => refused(": use `epoch_us` or `days_between`"),
        (_, DataType::Timestamp(_, _) | DataType::Date32) => refused(""),
        (from, to) if from.is_floating() && to.is_integer() => Ok(plain(expression.round(0, pl::RoundMode::HalfToEven))),
        (DataType::Decimal128(_, scale), to) if to.is_integer() && *scale > 0 => Ok(plain(expression.round(0, pl::RoundMode::HalfAwayFromZero))),
        (DataType::Decimal128(_, old), DataType::Decimal128(_, new)) if new < old => {
            let digits = u32::try_from(*new).unwrap_or(0);
            Ok(plain(expression.round(digits, pl::RoundMode::HalfAwayFromZero)))
        }
        _ => Ok(plain(expression)),
    }
}

/// A literal of its own type.
///
/// Errors: types that no column has, and intervals, which stand only beside a date.
pub(crate) fn literal(value: &ScalarValue) -> Result<pl::Expr, Fault> {
    let scalar = match value {
        ScalarValue::Boolean(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::Int8(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::Int16(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::Int32(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::Int64(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::UInt8(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::UInt16(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::UInt32(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::UInt64(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::Float32(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::Float64(Some(value)) => pl::Scalar::from(*value),
        ScalarValue::Utf8(Some(value)) | ScalarValue::Utf8View(Some(value)) | ScalarValue::LargeUtf8(Some(value)) => pl::Scalar::from(pl::PlSmallStr::from_str(value)),
        ScalarValue::Date32(Some(days)) => pl::Scalar::new_date(*days),
        ScalarValue::Decimal128(Some(value), precision, scale) if *scale >= 0 => pl::Scalar::new_decimal(*value, usize::from(*precision), usize::try_from(*scale).unwrap_or(0)),
        ScalarValue::TimestampMicrosecond(Some(value), zone) => {
            let zone = zone.as_ref().map(|_| pl::TimeZone::UTC);
            pl::Scalar::new_datetime(*value, pl::TimeUnit::Microseconds, zone)
        }
        ScalarValue::TimestampNanosecond(Some(value), zone) => {
            let zone = zone.as_ref().map(|_| pl::TimeZone::UTC);
            let micros = value.div_euclid(1_000);
            pl::Scalar::new_datetime(micros, pl::TimeUnit::Microseconds, zone)
        }
        null if null.is_null() => pl::Scalar::null(polars_type(&null.data_type())?),
        other => {
            return Err(Fault::unsupported(format!("a literal of type `{}` here", other.data_type())));
        }
    };
    Ok(pl::lit(scalar))
}

/// The date or time that a text says, if the type is one and the text says it.
pub(crate) fn time_literal(text: &str, data_type: &DataType) -> Option<ScalarValue> {
    match logical(data_type) {
        DataType::Date32 => {
            let days = i32::try_from(date_text(text)?).ok()?;
            Some(ScalarValue::Date32(Some(days)))
        }
        DataType::Timestamp(_, None) => Some(ScalarValue::TimestampMicrosecond(Some(local_text(text)?), None)),
        DataType::Timestamp(_, Some(_)) => Some(ScalarValue::TimestampMicrosecond(Some(instant_text(text)?), Some("UTC".into()))),
        _ => None,
    }
}

/// An instant in RFC 3339, in microseconds; a text without an offset is UTC.
pub(crate) fn instant_text(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .map(|instant| instant.timestamp_micros())
        .or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").map(|instant| instant.timestamp_micros()))
        .ok()
        .or_else(|| local_text(text))
}

/// A local time, or the midnight of a date, in microseconds.
fn local_text(text: &str) -> Option<i64> {
    ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .map(|time| time.and_utc().timestamp_micros())
        .or_else(|| date_text(text)?.checked_mul(86_400_000_000))
}

/// A date in days since 1970.
fn date_text(text: &str) -> Option<i64> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.signed_duration_since(NaiveDate::default()).num_days())
}

/// Text through a parser, into BIGINT.
fn parsed(text: pl::Expr, strict: bool, parse: fn(&str) -> Option<i64>) -> pl::Expr {
    text.map(
        move |column| {
            let texts = column.str()?;
            let mut values = Vec::with_capacity(texts.len());
            for text in texts.iter() {
                let value = text.and_then(parse);
                if strict
                    && value.is_none()
                    && let Some(text) = text
                {
                    return Err(pl::PolarsError::ComputeError(format!("`{text}` is not a date or time").into()));
                }
                values.push(value);
            }
            let values: pl::Int64Chunked = values.into_iter().collect();
            Ok(pl::Column::from(pl::IntoSeries::into_series(values.with_name(column.name().clone()))))
        },
        |_, field| Ok(pl::Field::new(field.name().clone(), pl::DataType::Int64)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_instants() {
        let noon = Some(1_735_732_800_000_000);
        assert_eq!(instant_text("2025-01-01T12:00:00Z"), noon);
        assert_eq!(instant_text("2025-01-01T13:00:00+01:00"), noon);
        assert_eq!(instant_text("2025-01-01 12:00:00"), noon);
        assert_eq!(instant_text("soon"), None);
    }

    #[test]
    fn dates_count_from_1970() {
        assert_eq!(date_text("1970-01-02"), Some(1));
        assert_eq!(date_text("1969-12-31"), Some(-1));
    }
}
