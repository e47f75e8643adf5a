//! What each scalar function computes; `functions.rs` has their types.
//!
//! Text positions count characters from 1.
//! Parts, zones and digits are literals: a function of a column there is refused.

use arrow::datatypes::DataType;
use chrono_tz::Tz;
use datafusion_common::ScalarValue;
use datafusion_expr::Expr;
use datafusion_expr::expr::ScalarFunction;
use polars::prelude as pl;

use super::arithmetic::{add_days, days};
use super::cast::{instant_text, literal};
use super::clock::{local_time, midnight};
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
        ("local_date", [instant, _]) => Ok(local_time(instant.clone(), zone(&call.args[1])?).cast(pl::DataType::Date)),
        ("local_timestamp", [instant, _]) => Ok(local_time(instant.clone(), zone(&call.args[1])?)),
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
