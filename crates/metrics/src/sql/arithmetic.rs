//! Arithmetic: numbers, decimals, and dates with days.
//!
//! Decimals stay decimals with the precision and scale that the planner computed.
//! Division is of doubles only, and null where the divisor is zero; the remainder has the sign of the dividend.

use arrow::datatypes::DataType;
use datafusion_common::ScalarValue;
use datafusion_expr::{BinaryExpr, Expr, Operator};
use polars::prelude as pl;

use super::error::Fault;
use super::expression::{Scope, lower};
use super::types::polars_type;

/// The value of `+`, `-`, `*`, `/` or `%`.
///
/// Errors: pairs of types that have no arithmetic here are unsupported, by name.
pub(crate) fn lower_arithmetic(scope: &Scope<'_>, binary: &BinaryExpr) -> Result<pl::Expr, Fault> {
    let left_type = scope.type_of(&binary.left)?;
    let right_type = scope.type_of(&binary.right)?;
    let result = scope.type_of(&Expr::BinaryExpr(binary.clone()))?;
    let refused = || Fault::unsupported(format!("`{left_type}` {} `{right_type}`", binary.op));
    match (&left_type, binary.op, &right_type) {
        (DataType::Date32 | DataType::Timestamp(_, _), _, DataType::Interval(_)) => {
            let moved = Moved { time: lower(scope, &binary.left)?, data_type: left_type.clone(), by: &binary.right, back: binary.op == Operator::Minus };
            move_time(scope, moved)
        }
        (DataType::Interval(_), Operator::Plus, DataType::Date32 | DataType::Timestamp(_, _)) => {
            let moved = Moved { time: lower(scope, &binary.right)?, data_type: right_type.clone(), by: &binary.left, back: false };
            move_time(scope, moved)
        }
        (DataType::Date32, Operator::Minus, DataType::Date32) => Ok(days(lower(scope, &binary.left)?) - days(lower(scope, &binary.right)?)),
        (left, operator, right) if left.is_numeric() && right.is_numeric() => {
            let operands = (lower(scope, &binary.left)?, lower(scope, &binary.right)?);
            of_numbers(operands, operator, &result).ok_or_else(refused)?
        }
        _ => Err(refused()),
    }
}

/// A date as days since 1970, BIGINT.
pub(crate) fn days(date: pl::Expr) -> pl::Expr {
    date.cast(pl::DataType::Int32).cast(pl::DataType::Int64)
}

fn of_numbers((left, right): (pl::Expr, pl::Expr), operator: Operator, result: &DataType) -> Option<Result<pl::Expr, Fault>> {
    let decimal = matches!(result, DataType::Decimal128(_, _));
    let target = match polars_type(result) {
        Ok(target) => target,
        Err(fault) => return Some(Err(fault)),
    };
    let (left, right) = match &target {
        pl::DataType::Decimal(_, scale) => {
            let wide = pl::DataType::Decimal(38, *scale);
            (left.strict_cast(wide.clone()), right.strict_cast(wide))
        }
        _ => (left, right),
    };
    let answer = match operator {
        Operator::Plus => left + right,
        Operator::Minus => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if result.is_floating() => divided(left, right),
        Operator::Modulo if !decimal => remainder(left, right),
        _ => return None,
    };
    Some(Ok(if decimal { answer.strict_cast(target) } else { answer }))
}

/// The quotient of doubles, null where the divisor is zero.
///
/// Polars multiplies by the reciprocal where the divisor is one number for many rows, which is another number in its last digit, and divides
/// where there is one row: the same row would have two values.
fn divided(left: pl::Expr, right: pl::Expr) -> pl::Expr {
    let quotients = |columns: &mut [pl::Column]| {
        let doubles = columns.iter().map(|column| column.as_materialized_series().cast(&pl::DataType::Float64)).collect::<pl::PolarsResult<Vec<_>>>()?;
        let [dividends, divisors] = doubles.as_slice() else { polars::prelude::polars_bail!(ComputeError: "a division takes two numbers") };
        let (dividends, divisors) = (dividends.f64()?, divisors.f64()?);
        let quotient = |(dividend, divisor): (Option<f64>, Option<f64>)| dividend.zip(divisor.filter(|divisor| *divisor != 0.0)).map(|(dividend, divisor)| dividend / divisor);
        // A literal comes as one row, whatever it stands beside.
        let quotients: pl::Float64Chunked = match (dividends.len(), divisors.len()) {
            (1, rows) if rows != 1 => divisors.iter().map(|divisor| quotient((dividends.get(0), divisor))).collect(),
            (rows, 1) if rows != 1 => dividends.iter().map(|dividend| quotient((dividend, divisors.get(0)))).collect(),
            _ => dividends.iter().zip(divisors.iter()).map(quotient).collect(),
        };
        Ok(pl::IntoColumn::into_column(quotients.with_name(dividends.name().clone())))
    };
    left.map_many(quotients, &[right], |_, fields| Ok(pl::Field::new(fields.first().map(|field| field.name().clone()).unwrap_or_default(), pl::DataType::Float64)))
}

/// Polars' remainder has the sign of the divisor; SQL's has that of the dividend.
fn remainder(left: pl::Expr, right: pl::Expr) -> pl::Expr {
    let zero = || pl::lit(0_i32);
    let floored = left.clone() % right.clone();
    let opposite = left.lt(zero()).neq(right.clone().lt(zero()));
    pl::when(right.clone().eq(zero())).then(pl::lit(pl::NULL)).when(opposite.and(floored.clone().neq(zero()))).then(floored.clone() - right).otherwise(floored)
}

/// A date or time and the interval that it is moved by.
struct Moved<'a> {
    time: pl::Expr,
    data_type: DataType,
    by: &'a Expr,
    back: bool,
}

fn move_time(scope: &Scope<'_>, moved: Moved<'_>) -> Result<pl::Expr, Fault> {
    let sign: i64 = if moved.back { -1 } else { 1 };
    if let Some(days) = days_in(moved.by) {
        let days = lower(scope, days)?.cast(pl::DataType::Int64) * pl::lit(sign);
        return match moved.data_type {
            DataType::Date32 => Ok(add_days(moved.time, days)),
            _ => Err(Fault::unsupported("a timestamp plus an integer")),
        };
    }
    let Some((months, days, nanoseconds)) = interval(moved.by) else {
        return Err(Fault::unsupported("an interval that is no literal"));
    };
    if moved.data_type == DataType::Date32 && nanoseconds != 0 {
        return Err(Fault::unsupported("a date plus a part of a day"));
    }
    let mut answer = moved.time;
    for (count, unit) in [(months, "mo"), (days, "d"), (nanoseconds / 1_000, "us")] {
        if count != 0 {
            answer = answer.dt().offset_by(pl::lit(format!("{}{unit}", count * sign)));
        }
    }
    Ok(answer)
}

/// A date plus whole days, BIGINT.
pub(crate) fn add_days(date: pl::Expr, count: pl::Expr) -> pl::Expr {
    (days(date) + count).strict_cast(pl::DataType::Int32).cast(pl::DataType::Date)
}

/// The number `n` of the planner's own form of `date + n`: days to seconds, to a duration, to an interval.
fn days_in(interval: &Expr) -> Option<&Expr> {
    let Expr::Cast(outer) = interval else {
        return None;
    };
    let Expr::Cast(duration) = outer.expr.as_ref() else {
        return None;
    };
    match duration.expr.as_ref() {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Multiply, right }) if matches!(right.as_ref(), Expr::Literal(ScalarValue::Int64(Some(86_400)), _)) => Some(left),
        _ => None,
    }
}

/// Months, days and nanoseconds of a literal.
fn interval(expression: &Expr) -> Option<(i64, i64, i64)> {
    match expression {
        Expr::Cast(cast) => interval(&cast.expr),
        Expr::Literal(ScalarValue::IntervalYearMonth(Some(months)), _) => Some((i64::from(*months), 0, 0)),
        Expr::Literal(ScalarValue::IntervalDayTime(Some(time)), _) => Some((0, i64::from(time.days), i64::from(time.milliseconds) * 1_000_000)),
        Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(time)), _) => Some((i64::from(time.months), i64::from(time.days), time.nanoseconds)),
        _ => None,
    }
}
