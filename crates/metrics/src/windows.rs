//! Windows over rows, for what does not add up over days: distinct counts, extremes, averages, percentiles.
//!
//! In: the rows of a fact. Out: each row once for every period in whose window its day lies, with the period's first day as its day;
//! in parts of whole periods, so that memory follows the rows of a fact and not their number times that of the windows.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use polars::prelude::{DataFrame, DataType as PolarsType, IntoColumn, IntoLazy, JoinArgs, JoinType, NamedFrom, Series, col};
use quotient_model::{PeriodAgg, Span};

use crate::cumulative::first_day;
use crate::engine::BaseRequest;
use crate::error::MetricsError;
use crate::fact::{Fact, TIME, collect, days_of_rows};
use crate::polars_engine::PolarsEngine;

const PERIOD: &str = "__window_of";

/// Rows of a part at most, unless one period alone has more.
const ROWS_AT_ONCE: usize = 4_000_000;

/// Days beside the periods in whose windows they lie.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pairs {
    days: Vec<i32>,
    periods: Vec<i32>,
}

/// The days of a fact for every window, in parts of about as many rows.
pub(crate) fn parts(engine: &PolarsEngine<'_>, request: &BaseRequest<'_>, (span, period_agg): (Span, PeriodAgg), fact: &Fact) -> Result<Vec<Pairs>, MetricsError> {
    let mut seen: BTreeMap<i32, usize> = BTreeMap::new();
    for day in days_of_rows(&fact.frame, TIME, request.model)?.iter().flatten() {
        *seen.entry(day).or_default() += 1;
    }
    let mut windows = Vec::new();
    let first = seen.keys().next().and_then(|day| NaiveDate::from_epoch_days(*day));
    if let Some((grain, first)) = request.groupings.first().and_then(|grouping| grouping.grain).zip(first) {
        let calendar = &engine.project().calendar;
        let today = calendar.last_day_before(engine.as_of());
        for period in calendar.periods(grain, first, today.succ_opt().unwrap_or(today)) {
            // As in sums over days: a period that is not over ends with the last day that has begun.
            let last = if period_agg == PeriodAgg::First { period.start } else { period.last_day().min(today) };
            windows.push((period.start.to_epoch_days(), first_day(calendar, span, last).to_epoch_days(), last.to_epoch_days()));
        }
    }
    Ok(packed(&seen, &windows, ROWS_AT_ONCE))
}

/// Windows (period, first and last day) put into parts, whole periods each, of so many rows at most where there is more than one period.
fn packed(seen: &BTreeMap<i32, usize>, windows: &[(i32, i32, i32)], most: usize) -> Vec<Pairs> {
    let mut parts = vec![Pairs::default()];
    let mut rows = 0;
    for (period, from, last) in windows.iter().filter(|(_, from, last)| from <= last) {
        let within: Vec<(i32, usize)> = seen.range(from..=last).map(|(day, count)| (*day, *count)).collect();
        let more: usize = within.iter().map(|(_, count)| count).sum();
        if more == 0 {
            continue;
        }
        if rows > 0 && rows + more > most {
            parts.push(Pairs::default());
            rows = 0;
        }
        rows += more;
        if let Some(part) = parts.last_mut() {
            part.periods.extend(within.iter().map(|_| *period));
            part.days.extend(within.into_iter().map(|(day, _)| day));
        }
    }
    parts
}

/// The rows of a fact, once for every window of a part.
pub(crate) fn spread(request: &BaseRequest<'_>, pairs: Pairs, fact: &Fact) -> Result<DataFrame, MetricsError> {
    let columns = vec![Series::new(TIME.into(), pairs.days).into_column(), Series::new(PERIOD.into(), pairs.periods).into_column()];
    let height = columns.first().map_or(0, polars::prelude::Column::len);
    let pairs = DataFrame::new(height, columns).map_err(|source| MetricsError::Compute { model: request.model.to_owned(), doing: "pair its days with windows", source })?;
    let pairs = pairs.lazy().with_columns([col(TIME).cast(PolarsType::Date), col(PERIOD).cast(PolarsType::Date)]);
    let rows = fact.frame.clone().lazy().join(pairs, [col(TIME)], [col(TIME)], JoinArgs::new(JoinType::Inner));
    collect(rows.drop(polars::prelude::cols([TIME])).rename([PERIOD], [TIME], true), request.model, "spread its rows over windows")
}

#[cfg(test)]
mod tests {
    use super::{Pairs, packed};

    #[test]
    fn parts_hold_whole_periods_and_no_more_rows_than_allowed() {
        let seen = [(1, 3), (2, 3), (3, 10)].into();
        let windows = [(1, i32::MIN, 1), (2, i32::MIN, 2), (3, 2, 3), (4, 4, 4)];
        let pairs = |pairs: &[(i32, i32)]| Pairs { days: pairs.iter().map(|(day, _)| *day).collect(), periods: pairs.iter().map(|(_, period)| *period).collect() };
        assert_eq!(packed(&seen, &windows, 9), [pairs(&[(1, 1), (1, 2), (2, 2)]), pairs(&[(2, 3), (3, 3)])]);
        assert_eq!(packed(&seen, &windows, 1), [pairs(&[(1, 1)]), pairs(&[(1, 2), (2, 2)]), pairs(&[(2, 3), (3, 3)])]);
        assert_eq!(packed(&[].into(), &windows, 1), [Pairs::default()]);
    }
}
