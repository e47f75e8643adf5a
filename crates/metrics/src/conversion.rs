//! Conversions: rows of one fact that belong to rows of another, of the same entity and not after them.
//!
//! In: the rows of both. Out: a row per converting row, with the period and the dimensions of the last base row before it.
//! Of base rows at the same moment the first by its dimensions is taken, so that the order of rows does not matter.

use polars::prelude::{DataFrame, DataType as PolarsType, Expr, IntoLazy, JoinArgs, JoinType, LazyFrame, SortMultipleOptions, col, lit};
use quotient_model::Grain;

use crate::engine::{BaseRequest, ConversionRequest};
use crate::error::MetricsError;
use crate::fact::{self, EVENT, Fact, TIME, collect};
use crate::polars_engine::PolarsEngine;

/// What a converting row has.
pub(crate) const VALUE: &str = "__value";
const CONVERTED: &str = "__converted";
const CONVERTED_DAY: &str = "__converted_day";
const CONVERTED_EVENT: &str = "__converted_event";

/// The converting rows, each with the columns of its base row and [`VALUE`].
pub(crate) fn rows(engine: &PolarsEngine<'_>, request: &ConversionRequest<'_>) -> Result<DataFrame, MetricsError> {
    let base = passing(engine, &request.base, &request.keys)?.0;
    let (conversions, fact) = passing(engine, &request.conversion, &request.keys)?;
    let value = fact.measures.columns.first().cloned().unwrap_or_default();
    let mut columns: Vec<Expr> = request.keys.iter().map(|key| col(key.as_str())).collect();
    columns.extend([col(CONVERTED), col(TIME).alias(CONVERTED_DAY), col(EVENT).alias(CONVERTED_EVENT), col(value).alias(VALUE)]);
    let conversions = conversions.with_row_index(CONVERTED, None).select(columns);
    let keys: Vec<Expr> = request.keys.iter().map(|key| col(key.as_str())).collect();
    let (of_base, of_conversion) = if request.by_day { (TIME, CONVERTED_DAY) } else { (EVENT, CONVERTED_EVENT) };
    let mut counts = col(of_base).lt_eq(col(of_conversion));
    if let Some((count, grain)) = request.window {
        counts = counts.and(col(of_base).gt(before(engine, of_conversion, request, count, grain)?));
    }
    let items: Vec<String> = {
        let mut items: Vec<String> = request.base.groupings.iter().flat_map(|grouping| grouping.slice.iter().cloned()).collect();
        items.sort();
        items.dedup();
        items
    };
    let mut order = vec![CONVERTED.to_owned(), of_base.to_owned()];
    order.extend(items);
    let mut descending = vec![false; order.len()];
    descending[1] = true;
    let options = SortMultipleOptions::default().with_order_descending_multi(descending);
    let joined = conversions.join(base, keys.clone(), keys, JoinArgs::new(JoinType::Inner)).filter(counts).sort(order, options);
    // Sorted: the first row of each conversion is the last base row before it.
    collect(joined.filter(col(CONVERTED).is_first_distinct()), request.base.model, "find the row that each conversion belongs to")
}

/// The rows of one side that pass its filters and have all keys, with the keys as text.
fn passing(engine: &PolarsEngine<'_>, request: &BaseRequest<'_>, keys: &[String]) -> Result<(LazyFrame, Fact), MetricsError> {
    let fact = fact::prepare(engine, request)?;
    let mut frame = fact.frame.clone().lazy();
    if let Some(filter) = fact.measures.filters.first().and_then(Option::as_ref) {
        frame = frame.filter(col(filter.as_str()));
    }
    let texts: Vec<Expr> = keys.iter().map(|key| col(key.as_str()).cast(PolarsType::String)).collect();
    Ok((frame.with_columns(texts), fact))
}

/// The moment so long before a conversion: of a day the day, of an instant the same time of day in the project's time zone.
fn before(engine: &PolarsEngine<'_>, moment: &str, request: &ConversionRequest<'_>, count: u32, grain: Grain) -> Result<Expr, MetricsError> {
    let unit = match grain {
        Grain::Day => "d",
        Grain::Week => "w",
        Grain::Month => "mo",
        Grain::Quarter => "q",
        Grain::Year => "y",
        other => {
            let metric = request.conversion.measures.first().map(|m| m.metric.to_owned()).unwrap_or_default();
            return Err(MetricsError::Definition {
                metric,
                message: format!("a window of {count} {other} has no meaning for a conversion; expected day, week, month, quarter or year"),
            });
        }
    };
    let offset = lit(format!("-{count}{unit}"));
    if request.by_day {
        return Ok(col(moment).dt().offset_by(offset));
    }
    let zone = polars::prelude::TimeZone::opt_try_new(Some(engine.project().calendar.zone.name())).ok().flatten();
    let local = zone.map_or_else(|| col(moment), |zone| col(moment).dt().convert_time_zone(zone));
    Ok(local.dt().offset_by(offset).dt().convert_time_zone(polars::prelude::TimeZone::UTC))
}
