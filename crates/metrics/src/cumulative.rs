//! Cumulative metrics: daily base cells summed over a window that ends with the period.
//!
//! In: cells by day. Out: cells by the grains asked. Sums are exact: integers and decimals by prefix sums, doubles in the order of days.
//! A cell exists in every period, up to that of as-of, whose window has a day with a cell.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use quotient_model::{Calendar, Grain, PeriodAgg, Span};

use crate::cells::{Column, Grid, Key, Kind, Value};
use crate::engine::BaseGrouping;

/// What is accumulated.
pub(crate) struct Request<'a> {
    /// The cells by day of a metric that adds up over days.
    pub(crate) days: &'a Column,
    pub(crate) grid: &'a Grid,
    pub(crate) asked: &'a [BaseGrouping],
    pub(crate) calendar: &'a Calendar,
    pub(crate) span: Span,
    pub(crate) period_agg: PeriodAgg,
    pub(crate) today: NaiveDate,
}

/// The cumulative cells.
pub(crate) fn accumulate(request: &Request<'_>) -> Column {
    let mut cells = Vec::new();
    for grouping in request.asked {
        let daily = BaseGrouping { grain: Some(Grain::Day), slice: grouping.slice.clone() };
        let (Some(grain), Some(index), Some(day_index)) = (grouping.grain, request.grid.index_of(grouping), request.grid.index_of(&daily)) else {
            continue;
        };
        for (member, series) in series_of(request.days, day_index) {
            for (period, value) in windows(request, grain, &series) {
                let key = Key { grouping: index, period: period.to_epoch_days(), member };
                cells.push((key, value));
            }
        }
    }
    let kind = if request.period_agg == PeriodAgg::Average { Kind::Float } else { request.days.kind };
    Column { kind, cells: cells.into_iter().collect() }
}

/// The days of each slice row, in order.
fn series_of(days: &Column, grouping: u16) -> BTreeMap<u32, Vec<(i32, Option<Value>)>> {
    let mut series: BTreeMap<u32, Vec<(i32, Option<Value>)>> = BTreeMap::new();
    for (key, value) in days.cells.iter().filter(|(key, _)| key.grouping == grouping) {
        series.entry(key.member).or_default().push((key.period, value));
    }
    series
}

fn windows(request: &Request<'_>, grain: Grain, series: &[(i32, Option<Value>)]) -> Vec<(NaiveDate, Option<Value>)> {
    let Some(first) = series.first().and_then(|(day, _)| NaiveDate::from_epoch_days(*day)) else { return Vec::new() };
    let sums = Sums::new(request.days.kind, series);
    let mut found = Vec::new();
    let mut period = request.calendar.period(grain, first);
    while period.start <= request.today {
        // A period that is not over shows the value of the last day that has begun.
        let last = period.last_day().min(request.today);
        let value = match request.period_agg {
            PeriodAgg::Last => at_day(request, series, &sums, last),
            PeriodAgg::First => at_day(request, series, &sums, period.start),
            PeriodAgg::Average => {
                let days: Vec<Option<Value>> = period.start.iter_days().take_while(|day| *day <= last).filter_map(|day| at_day(request, series, &sums, day)).collect();
                (!days.is_empty()).then(|| mean(&days, request.days.kind))
            }
        };
        if let Some(value) = value {
            found.push((period.start, value));
        }
        period = request.calendar.next(period);
    }
    found
}

/// The value of the window that ends with a day; `None` where the window has no day with a cell.
#[expect(clippy::option_option, reason = "a cell that is null is not a cell that is missing")]
fn at_day(request: &Request<'_>, series: &[(i32, Option<Value>)], sums: &Sums<'_>, last: NaiveDate) -> Option<Option<Value>> {
    let (from, last) = (first_day(request.calendar, request.span, last).to_epoch_days(), last.to_epoch_days());
    let lower = series.partition_point(|(day, _)| *day < from);
    let upper = series.partition_point(|(day, _)| *day <= last);
    (upper > lower).then(|| sums.between(lower, upper))
}

/// The sum of values of one kind: whole numbers and decimals exactly, doubles in their order; `None` of none.
pub(crate) fn total(values: impl Iterator<Item = Value>) -> Option<Value> {
    values.reduce(|sum, value| match (sum, value) {
        (Value::Int(a), Value::Int(b)) => Value::Int(a.saturating_add(b)),
        (Value::Decimal(a), Value::Decimal(b)) => Value::Decimal(a + b),
        (Value::Float(a), Value::Float(b)) => Value::Float(a + b),
        // A column has values of one kind.
        (sum, _) => sum,
    })
}

/// The mean of the days that have a value.
fn mean(days: &[Option<Value>], kind: Kind) -> Option<Value> {
    let values: Vec<f64> = days.iter().flatten().map(|value| value.as_f64(kind)).collect();
    #[expect(clippy::cast_precision_loss, reason = "days of a period")]
    let count = values.len() as f64;
    (!values.is_empty()).then(|| Value::Float(values.iter().sum::<f64>() / count))
}

/// The first day of the window that ends with a day.
pub(crate) fn first_day(calendar: &Calendar, span: Span, last: NaiveDate) -> NaiveDate {
    match span {
        Span::AllTime => NaiveDate::MIN,
        Span::ToDate(grain) => calendar.start_of(grain, last),
        Span::Window { count, grain } => window_start(calendar, last, count, grain),
    }
}

/// The first day of a window of so many units that ends with `last`: the day after the same day so many units before.
///
/// By months that is the day after the same date, or after the last of a shorter month, as in MetricFlow.
/// By fiscal and retail units it is the day after the one with the same number in the unit that is so many before.
fn window_start(calendar: &Calendar, last: NaiveDate, count: u32, grain: Grain) -> NaiveDate {
    calendar.day_before(last, count, grain).succ_opt().unwrap_or(NaiveDate::MIN)
}

/// Sums over runs of a series.
enum Sums<'a> {
    /// Prefix sums and prefix counts of values that are not null.
    Exact {
        sums: Vec<i128>,
        counts: Vec<usize>,
        kind: Kind,
    },
    Float(&'a [(i32, Option<Value>)]),
}

impl<'a> Sums<'a> {
    fn new(kind: Kind, series: &'a [(i32, Option<Value>)]) -> Self {
        if kind == Kind::Float {
            return Self::Float(series);
        }
        let (mut sums, mut counts) = (vec![0i128], vec![0usize]);
        let (mut sum, mut count) = (0i128, 0usize);
        for (_, value) in series {
            match value {
                Some(Value::Int(i)) => sum += i128::from(*i),
                Some(Value::Decimal(d)) => sum += d,
                Some(Value::Float(_)) | None => {}
            }
            count += usize::from(value.is_some());
            sums.push(sum);
            counts.push(count);
        }
        Self::Exact { sums, counts, kind }
    }

    fn between(&self, lower: usize, upper: usize) -> Option<Value> {
        match self {
            Self::Exact { sums, counts, kind } => {
                let sum = sums[upper] - sums[lower];
                if counts[upper] == counts[lower] {
                    return None;
                }
                match kind {
                    Kind::Int => i64::try_from(sum).ok().map(Value::Int),
                    Kind::Float | Kind::Decimal(_) => Some(Value::Decimal(sum)),
                }
            }
            Self::Float(series) => {
                let mut values = series[lower..upper].iter().filter_map(|(_, v)| *v).map(|v| v.as_f64(Kind::Float)).peekable();
                values.peek()?;
                Some(Value::Float(values.sum()))
            }
        }
    }
}
