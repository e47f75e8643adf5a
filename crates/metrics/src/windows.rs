//! Windows over rows, for what does not add up over days: distinct counts, extremes, averages, percentiles.
//!
//! In: the rows of a fact. Out: each row once for every period in whose window its day lies, with the period's first day as its day.

use chrono::NaiveDate;
use polars::prelude::{DataFrame, DataType as PolarsType, IntoColumn, IntoLazy, JoinArgs, JoinType, NamedFrom, Series, col};
use quotient_model::{PeriodAgg, Span};

use crate::cumulative::first_day;
use crate::engine::BaseRequest;
use crate::error::MetricsError;
use crate::fact::{Fact, TIME, collect, days_of_rows};
use crate::polars_engine::PolarsEngine;

const PERIOD: &str = "__window_of";

/// The rows of a fact, once for every window.
pub(crate) fn spread(engine: &PolarsEngine<'_>, request: &BaseRequest<'_>, (span, period_agg): (Span, PeriodAgg), fact: Fact) -> Result<Fact, MetricsError> {
    let compute = |source| MetricsError::Compute { model: request.model.to_owned(), doing: "read its days", source };
    let mut seen: Vec<i32> = days_of_rows(&fact.frame, request.model)?.iter().flatten().collect();
    seen.sort_unstable();
    seen.dedup();
    let (mut of_day, mut of_period) = (Vec::new(), Vec::new());
    let first = seen.first().and_then(|day| NaiveDate::from_epoch_days(*day));
    if let Some((grain, first)) = request.groupings.first().and_then(|grouping| grouping.grain).zip(first) {
        let calendar = &engine.project().calendar;
        let today = calendar.last_day_before(engine.as_of());
        for period in calendar.periods(grain, first, today.succ_opt().unwrap_or(today)) {
            // As in sums over days: a period that is not over ends with the last day that has begun.
            let last = if period_agg == PeriodAgg::First { period.start } else { period.last_day().min(today) };
            let from = first_day(calendar, span, last).to_epoch_days();
            let within = seen.partition_point(|day| *day < from)..seen.partition_point(|day| *day <= last.to_epoch_days());
            for day in &seen[within] {
                of_day.push(*day);
                of_period.push(period.start.to_epoch_days());
            }
        }
    }
    let pairs = DataFrame::new(of_day.len(), vec![Series::new(TIME.into(), of_day).into_column(), Series::new(PERIOD.into(), of_period).into_column()]).map_err(compute)?;
    let pairs = pairs.lazy().with_columns([col(TIME).cast(PolarsType::Date), col(PERIOD).cast(PolarsType::Date)]);
    let rows = fact.frame.lazy().join(pairs, [col(TIME)], [col(TIME)], JoinArgs::new(JoinType::Inner));
    let frame = collect(rows.drop(polars::prelude::cols([TIME])).rename([PERIOD], [TIME], true), request.model, "spread its rows over windows")?;
    Ok(Fact { frame, ..fact })
}
