//! What each scalar function computes; `functions.rs` has their types.
//!
//! Text positions count characters from 1.
//! Parts, zones and digits are literals: a function of a column there is refused.
//! A local day starts at its first instant: that of midnight, or the end of the gap if there is no midnight;
//! the earlier one if there are two.

use arrow::datatypes::DataType;
use chrono::{Duration, LocalResult, NaiveDate, NaiveTime, TimeZone};
use chrono_tz::Tz;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::expr::ScalarFunction;
use polars::prelude as pl;

use super::arithmetic::{add_days, days};
use super::cast::{instant_text, literal};
use super::error::Fault;
use super::expression::{Scope, lower, text_literal};

/// The value of a function call.
///
/// Errors: forms that are not computed are unsupported, by name.
pub(crate) fn lower_function(scope: &Scope<'_>, call: &ScalarFunction) -> Result<pl::Expr, Fault> {
    let name = call.func.name();
    let mut values = Vec::with_capacity(call.args.len());
    for argument in &call.args {
        values.push(lower(scope, argument)?);
    }
    match (name, values.as_slice()) {
        ("coalesce", [first, rest @ ..]) => Ok(rest.iter().fold(first.clone(), |known, next| known.fill_null(next.clone()))),
        ("nullif", [left, right]) => Ok(pl::when(left.clone().eq(right.clone())).then(pl::lit(pl::NULL)).otherwise(left.clone())),
        ("greatest", [first, rest @ ..]) => Ok(rest.iter().fold(first.clone(), |best, next| wider(best, next, true))),
        ("least", [first, rest @ ..]) => Ok(rest.iter().fold(first.clone(), |best, next| wider(best, next, false))),
        ("abs", [value]) => Ok(value.clone().abs()),
        ("floor", [value]) => Ok(value.clone().floor()),
        ("ceil", [value]) => Ok(value.clone().ceil()),
        ("round" | "round_half_even", [value, ..]) => {
            let digits = match call.args.get(1) {
                Some(digits) => whole(name, digits)?,
                None => 0,
            };
            let digits = u32::try_from(digits).map_err(|_| Fault::unsupported("`round` to a negative number of digits"))?;
            let mode = if name == "round" { pl::RoundMode::HalfAwayFromZero } else { pl::RoundMode::HalfToEven };
            Ok(value.clone().round(digits, mode))
        }
        ("epoch_us", [instant]) => Ok(instant.clone().cast(pl::DataType::Int64)),
        ("instant", [_]) => instant_literal(&call.args[0]),
        ("days_between", [from, to]) => Ok(days(to.clone()) - days(from.clone())),
        ("add_days", [date, count]) => Ok(add_days(date.clone(), count.clone())),
        ("add_months", [date, count]) => Ok(date.clone().dt().offset_by(pl::concat_str([count.clone().cast(pl::DataType::String), pl::lit("mo")], "", false))),
        ("date_trunc" | "date_part", [_, time]) => {
            refuse_instant(scope, name, &call.args[1])?;
            let part = text(name, &call.args[0])?.to_lowercase();
            if name == "date_trunc" { truncated(time.clone(), &part) } else { part_of(time.clone(), &part) }
        }
        ("year" | "month", [time]) => {
            refuse_instant(scope, name, &call.args[0])?;
            part_of(time.clone(), name)
        }
        ("local_date", [instant, _]) => Ok(local(instant, zone(&call.args[1])?)?.dt().date()),
        ("local_timestamp", [instant, _]) => Ok(local(instant, zone(&call.args[1])?)?.dt().datetime()),
        ("local_midnight", [date, _]) => Ok(midnight(date.clone(), zone(&call.args[1])?)),
        _ => of_text(call, &values),
    }
}

fn of_text(call: &ScalarFunction, values: &[pl::Expr]) -> Result<pl::Expr, Fault> {
    let name = call.func.name();
    let space = || pl::lit(" ");
    Ok(match (name, values) {
        ("lower", [text]) => text.clone().str().to_lowercase(),
        ("upper", [text]) => text.clone().str().to_uppercase(),
        ("trim" | "btrim", [text]) => text.clone().str().strip_chars(space()),
        ("ltrim", [text]) => text.clone().str().strip_chars_start(space()),
        ("rtrim", [text]) => text.clone().str().strip_chars_end(space()),
        ("length" | "char_length", [text]) => text.clone().str().len_chars().cast(pl::DataType::Int64),
        ("replace", [text, from, to]) => text.clone().str().replace_all(from.clone(), to.clone(), true),
        ("concat", texts) => pl::concat_str(texts, "", true),
        ("substr", [text, start, rest @ ..]) => {
            if whole(name, &call.args[1]).is_ok_and(|start| start < 1) {
                return Err(Fault::unsupported("`substr` from before the first character"));
            }
            let length = rest.first().map_or_else(|| pl::lit(pl::Scalar::null(pl::DataType::UInt64)), |length| length.clone().cast(pl::DataType::UInt64));
            let offset = start.clone() - pl::lit(pl::Scalar::from(1_i64));
            text.clone().str().slice(offset, length)
        }
        _ => {
            return Err(Fault::unsupported(format!("`{name}` with {} arguments", values.len())));
        }
    })
}

/// The larger or the smaller of two values; nulls are left out.
fn wider(best: pl::Expr, next: &pl::Expr, larger: bool) -> pl::Expr {
    let wins = if larger { next.clone().gt(best.clone()) } else { next.clone().lt(best.clone()) };
    let takes = best.clone().is_null().or(wins.fill_null(super::expression::truth(false)));
    pl::when(takes).then(next.clone()).otherwise(best)
}

fn text<'a>(function: &str, argument: &'a Expr) -> Result<&'a str, Fault> {
    text_literal(argument).ok_or_else(|| Fault::unsupported(format!("`{function}` with `{argument}` where a text literal stands")))
}

fn whole(function: &str, argument: &Expr) -> Result<i64, Fault> {
    match argument {
        Expr::Cast(cast) => whole(function, &cast.expr),
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => Ok(*value),
        Expr::Negative(inner) => Ok(-whole(function, inner)?),
        _ => Err(Fault::unsupported(format!("`{function}` with `{argument}` where a whole number stands"))),
    }
}

fn zone(argument: &Expr) -> Result<Tz, Fault> {
    let name = text("a time zone", argument)?;
    name.parse().map_err(|_| Fault::Bind(format!("no time zone is named `{name}`")))
}

fn instant_literal(argument: &Expr) -> Result<pl::Expr, Fault> {
    let text = text("instant", argument)?;
    let micros = instant_text(text).ok_or_else(|| Fault::Bind(format!("`{text}` is not an instant in RFC 3339")))?;
    literal(&ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())))
}

/// Parts of an instant depend on a zone, and engines take that of the session.
fn refuse_instant(scope: &Scope<'_>, function: &str, argument: &Expr) -> Result<(), Fault> {
    match scope.type_of(argument)? {
        DataType::Timestamp(_, Some(_)) => Err(Fault::unsupported(format!("`{function}` of an instant: use `local_date` or `local_timestamp` first"))),
        _ => Ok(()),
    }
}

fn truncated(time: pl::Expr, part: &str) -> Result<pl::Expr, Fault> {
    let every = match part {
        "day" => "1d",
        "week" => "1w",
        "month" => "1mo",
        "quarter" => "1q",
        "year" => "1y",
        "hour" => "1h",
        "minute" => "1m",
        "second" => "1s",
        other => return Err(Fault::unsupported(format!("`date_trunc` to `{other}`"))),
    };
    Ok(time.dt().truncate(pl::lit(every)))
}

fn part_of(time: pl::Expr, part: &str) -> Result<pl::Expr, Fault> {
    let time = time.dt();
    let number = match part {
        "year" => time.year(),
        "quarter" => time.quarter(),
        "month" => time.month(),
        "week" => time.week(),
        "day" => time.day(),
        "doy" | "dayofyear" => time.ordinal_day(),
        "isodow" => time.weekday(),
        "dow" | "dayofweek" => time.weekday() % pl::lit(7_i8),
        "hour" => time.hour(),
        "minute" => time.minute(),
        other => return Err(Fault::unsupported(format!("the part `{other}` of a time"))),
    };
    Ok(number.cast(pl::DataType::Int64))
}

fn local(instant: &pl::Expr, zone: Tz) -> Result<pl::Expr, Fault> {
    let zone = pl::TimeZone::opt_try_new(Some(zone.name())).map_err(|source| Fault::Polars { doing: "naming a time zone", source })?.unwrap_or(pl::TimeZone::UTC);
    Ok(instant.clone().dt().convert_time_zone(zone))
}

/// The instant at which each local day starts.
fn midnight(date: pl::Expr, zone: Tz) -> pl::Expr {
    date.cast(pl::DataType::Int32)
        .map(
            move |column| {
                let starts: pl::Int64Chunked = column.i32()?.iter().map(|days| days.and_then(|days| day_start(days, zone))).collect();
                Ok(pl::Column::from(pl::IntoSeries::into_series(starts.with_name(column.name().clone()))))
            },
            |_, field| Ok(pl::Field::new(field.name().clone(), pl::DataType::Int64)),
        )
        .cast(pl::DataType::Datetime(pl::TimeUnit::Microseconds, Some(pl::TimeZone::UTC)))
}

/// The first instant of a day since 1970, in microseconds.
fn day_start(days: i32, zone: Tz) -> Option<i64> {
    let date = NaiveDate::default().checked_add_signed(Duration::days(i64::from(days)))?;
    let midnight = date.and_time(NaiveTime::MIN);
    (0..=96).find_map(|quarters| {
        let time = midnight + Duration::minutes(15 * quarters);
        match zone.from_local_datetime(&time) {
            LocalResult::Single(start) | LocalResult::Ambiguous(start, _) => Some(start.timestamp_micros()),
            LocalResult::None => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn days_start_at_local_midnight() {
        // 2024-07-01 is day 19905; Berlin is two hours ahead of UTC then.
        assert_eq!(day_start(19_905, Tz::Europe__Berlin), Some((19_905 * 24 - 2) * HOUR));
    }

    #[test]
    fn a_day_without_midnight_starts_after_the_gap() {
        // In Beirut the clocks went from 0:00 to 1:00 on 2022-03-27 (day 19078): it started at 22:00 UTC.
        assert_eq!(day_start(19_078, Tz::Asia__Beirut), Some((19_078 * 24 - 2) * HOUR));
    }
}
