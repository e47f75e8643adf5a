//! Times as group-bys and filters name them, as SQL over a model: the day of a column, its period, its date parts.
//!
//! In: an expression over a model. Out: an expression that gives a date or a whole number, null where the time is null.

use arrow::datatypes::DataType;
use quotient_model::{Calendar, DatePart, TimePart};

use crate::error::MetricsError;
use crate::fact::project_columns;
use crate::periods::period_start;
use crate::polars_engine::PolarsEngine;
use crate::sql::Relation;

/// The type of an expression over the rows of a model.
pub(crate) fn type_of(engine: &PolarsEngine<'_>, model: &str, relation: &Relation, expr: &str) -> Result<DataType, MetricsError> {
    let probe = project_columns(engine, model, relation, &[("probe".to_owned(), expr.to_owned())])?;
    Ok(probe.schema.field(0).data_type().clone())
}

/// The local day of a time, and the instant at which it is; `None` of a type that is no time.
///
/// A date is taken as it is and begins with its local midnight; a time without a zone has its own date.
pub(crate) fn day_and_instant(kind: &DataType, expr: &str, zone: &str) -> Option<(String, String)> {
    match kind {
        DataType::Date32 => Some((expr.to_owned(), format!("local_midnight({expr}, '{zone}')"))),
        DataType::Timestamp(_, Some(_)) => Some((format!("local_date({expr}, '{zone}')"), expr.to_owned())),
        DataType::Timestamp(_, None) => Some((format!("CAST({expr} AS DATE)"), format!("local_midnight(CAST({expr} AS DATE), '{zone}')"))),
        _ => None,
    }
}

/// What is shown of a day.
pub(crate) fn part_of_day(calendar: &Calendar, part: TimePart, day: &str) -> String {
    match part {
        TimePart::Grain(grain) => period_start(calendar, grain, day),
        // SQL's `dow` starts with Sunday as 0; the metrics' starts with Monday as 1.
        TimePart::Number(DatePart::DayOfWeek) => format!("date_part('isodow', {day})"),
        TimePart::Number(part) => format!("date_part('{}', {day})", part.name()),
    }
}
