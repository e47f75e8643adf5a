//! Offsets: cells shown at a later period than their own.
//!
//! In: the CTE of an input and its offset. Out: a query with the same cells at the periods that show them, none after as-of.

use quotient_model::{Grain, Input, Metric, Offset, quoted};

use super::cell_set::{PERIOD, VALUE, keys, names, names_of};
use super::derived::refused;
use super::statement::{Statement, date};
use super::typing::{kind_of, sql_type};
use crate::engine::BaseGrouping;
use crate::error::MetricsError;
use crate::needs::{Reached, find};
use crate::periods::period_start;

impl<'a> Statement<'a> {
    /// Cells at the periods that show them.
    pub(crate) fn moved(&self, metric: &Metric, cells: &str, offset: Offset, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let grain = grain_of(metric, grouping)?;
        if let Offset::ToGrain(coarse) = offset {
            return self.first_of(metric, cells, coarse, grouping);
        }
        let period = quoted(PERIOD);
        let (target, condition) = self.target(offset, grain, &period).ok_or_else(|| unknown(metric, offset, grain))?;
        let slice = if grouping.slice.is_empty() { String::new() } else { format!(", {}", names(&grouping.slice)) };
        Ok(format!("SELECT CAST({target} AS DATE) AS {period}{slice}, {}\nFROM {}\nWHERE {condition}{target} <= {}", quoted(VALUE), quoted(cells), date(self.today)))
    }

    /// The cells of an input at the periods that show them; a period that is not over shows as many days of the earlier one as it has.
    pub(crate) fn like_for_like(&mut self, reached: &Reached<'a>, input: &'a Input, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let (metric, offset) = (reached.metric, input.offset);
        let grain = grain_of(metric, grouping)?;
        let inner = reached.input(find(self.project, &input.metric)?, &input.filters);
        let cells = self.cells_of(&inner, grouping)?;
        let moved = self.moved(metric, &cells, offset, grouping)?;
        let running = self.project.calendar.period(grain, self.today);
        if running.last_day() <= self.today {
            return Ok(moved);
        }
        let daily = self.cells_of(&inner, &BaseGrouping { grain: Some(Grain::Day), slice: grouping.slice.clone() })?;
        let (target, condition) = self.target(offset, grain, "\"start\"").ok_or_else(|| refused(metric, "`like_for_like` with its offset"))?;
        let (period, value, current) = (quoted(PERIOD), quoted(VALUE), date(running.start));
        let slice = if grouping.slice.is_empty() { String::new() } else { format!(", {}", names(&grouping.slice)) };
        Ok(format!(
            "SELECT {period}{slice}, {value}
FROM (
{moved}
) AS \"moved\"
WHERE {period} <> {current}
UNION ALL
SELECT {current} AS {period}{slice}, CAST(sum({value}) AS {}) AS {value}
FROM (SELECT *, CAST({} AS DATE) AS \"start\" FROM {}) AS \"days\"
WHERE {condition}{target} = {current} AND days_between(\"start\", {period}) <= {}
GROUP BY \"start\"{slice}",
            sql_type(kind_of(self.project, &self.kinds, inner.metric)?),
            period_start(&self.project.calendar, grain, &period),
            quoted(&daily),
            (self.today - running.start).num_days()
        ))
    }

    /// The period that shows another, and a condition that there is one, to stand before others; `None` where SQL cannot say.
    fn target(&self, offset: Offset, grain: Grain, period: &str) -> Option<(String, String)> {
        match offset {
            Offset::None => Some((period.to_owned(), String::new())),
            Offset::Periods(count) => Some((ahead(grain, count, period)?, String::new())),
            Offset::Window { count, grain: unit } if unit == grain => Some((ahead(grain, count, period)?, String::new())),
            Offset::Window { count, grain: Grain::Year } => {
                let (target, condition) = self.years(grain, count, period)?;
                Some((target, condition.map_or(String::new(), |condition| format!("{condition} AND "))))
            }
            Offset::Window { .. } | Offset::ToGrain(_) => None,
        }
    }

    /// The first period within one of a coarser grain, shown by every period of it; a period that is no part of one shows its own value.
    fn first_of(&self, metric: &Metric, cells: &str, coarse: Grain, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let grain = match grouping.grain {
            Some(grain) if coarse.is_part_of(grain) => return Ok(format!("SELECT {}, {} FROM {}", names(&keys(grouping)), quoted(VALUE), quoted(cells))),
            Some(grain) if grain.is_part_of(coarse) => grain,
            grain => return Err(unknown(metric, Offset::ToGrain(coarse), grain.unwrap_or(coarse))),
        };
        let slice = if grouping.slice.is_empty() { String::new() } else { format!(", {}", names_of("firsts", &grouping.slice)) };
        let (period, value) = (quoted(PERIOD), quoted(VALUE));
        let start = period_start(&self.project.calendar, coarse, &format!("\"spine\".{period}"));
        Ok(format!(
            "SELECT \"spine\".{period}{slice}, \"firsts\".{value}\nFROM ({}) AS \"spine\"\nINNER JOIN {} AS \"firsts\" ON \"firsts\".{period} = CAST({start} AS DATE)",
            self.periods(grain, cells),
            quoted(cells)
        ))
    }

    /// The same period so many years later, and where there is one.
    fn years(&self, grain: Grain, count: u32, period: &str) -> Option<(String, Option<String>)> {
        match grain {
            // 29 February is in no year before or after.
            Grain::Day => Some((format!("add_months({period}, {})", count * 12), Some(format!("NOT (date_part('month', {period}) = 2 AND date_part('day', {period}) = 29)")))),
            Grain::Month | Grain::Quarter | Grain::FiscalMonth | Grain::FiscalQuarter | Grain::FiscalYear => Some((format!("add_months({period}, {})", count * 12), None)),
            // A week has the number of its fourth day's week in the year of that day; the first week holds 4 January. No year has a week 53 next to another's.
            Grain::Week => {
                let fourth = format!("add_days({period}, 3)");
                let weeks = format!("CAST(floor((date_part('doy', {fourth}) - 1) / 7) AS INTEGER)");
                let fourth_of_january = format!("add_days(CAST(date_trunc('year', add_months({fourth}, {})) AS DATE), 3)", count * 12);
                let first = period_start(&self.project.calendar, Grain::Week, &fourth_of_january);
                Some((format!("add_days({first}, 7 * {weeks})"), Some(format!("{weeks} < 52"))))
            }
            _ => None,
        }
    }
}

fn grain_of(metric: &Metric, grouping: &BaseGrouping) -> Result<Grain, MetricsError> {
    grouping.grain.ok_or_else(|| MetricsError::Definition { metric: metric.name.clone(), message: "a metric with an offset needs `metric_time` among its group-bys".to_owned() })
}

/// The period so many after one.
fn ahead(grain: Grain, count: u32, period: &str) -> Option<String> {
    let months = |each: u32| Some(format!("add_months({period}, {})", count * each));
    match grain {
        Grain::Day => Some(format!("add_days({period}, {count})")),
        Grain::Week | Grain::RetailWeek => Some(format!("add_days({period}, {})", count * 7)),
        Grain::Month | Grain::FiscalMonth => months(1),
        Grain::Quarter | Grain::FiscalQuarter => months(3),
        Grain::Year | Grain::FiscalYear => months(12),
        Grain::RetailMonth | Grain::RetailQuarter | Grain::RetailYear => None,
    }
}

/// Why an offset is not written: it has no meaning to `query` either, or no SQL.
fn unknown(metric: &Metric, offset: Offset, grain: Grain) -> MetricsError {
    let meaningless = |message: String| MetricsError::Definition { metric: metric.name.clone(), message };
    match offset {
        Offset::Window { count, grain: unit } if unit == grain || unit == Grain::Year || (!unit.is_standard() && grain.is_part_of(unit)) => {
            refused(metric, &format!("an offset of {count} {unit} by {grain}"))
        }
        Offset::Window { count, grain: unit } => {
            meaningless(format!("an offset of {count} {unit} has no meaning by {grain}; `meta: {{offset: period}}` moves by one period of any grain"))
        }
        Offset::Periods(count) => refused(metric, &format!("an offset of {count} period{} by {grain}", if count == 1 { "" } else { "s" })),
        Offset::ToGrain(coarse) => meaningless(format!("`offset_to_grain: {coarse}` has no meaning by {grain}, whose periods cross it")),
        Offset::None => refused(metric, "its offset"),
    }
}
