//! Offsets: cells shown at a later period than their own.
//!
//! In: the CTE of an input and its offset. Out: a query with the same cells at the periods that show them, none after as-of.

use quotient_model::{Grain, Metric, Offset, quoted};

use super::cell_set::{PERIOD, VALUE, names, names_of};
use super::derived::refused;
use super::statement::{Statement, date};
use crate::engine::BaseGrouping;
use crate::error::MetricsError;
use crate::periods::period_start;

impl Statement<'_> {
    /// Cells at the periods that show them.
    pub(crate) fn moved(&self, metric: &Metric, cells: &str, offset: Offset, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let Some(grain) = grouping.grain else {
            return Err(MetricsError::Definition { metric: metric.name.clone(), message: "a metric with an offset needs `metric_time` among its group-bys".to_owned() });
        };
        if let Offset::ToGrain(coarse) = offset {
            return self.first_of(metric, cells, coarse, grouping);
        }
        let period = quoted(PERIOD);
        let (target, condition) = match offset {
            Offset::None => (period.clone(), None),
            Offset::Periods(count) => (ahead(grain, count, &period).ok_or_else(|| unknown(metric, offset, grain))?, None),
            Offset::Window { count, grain: unit } if unit == grain => (ahead(grain, count, &period).ok_or_else(|| unknown(metric, offset, grain))?, None),
            Offset::Window { count, grain: Grain::Year } => self.years(grain, count, &period).ok_or_else(|| unknown(metric, offset, grain))?,
            _ => return Err(unknown(metric, offset, grain)),
        };
        let slice = if grouping.slice.is_empty() { String::new() } else { format!(", {}", names(&grouping.slice)) };
        let condition = condition.map_or(String::new(), |condition| format!("{condition} AND "));
        Ok(format!("SELECT CAST({target} AS DATE) AS {period}{slice}, {}\nFROM {}\nWHERE {condition}{target} <= {}", quoted(VALUE), quoted(cells), date(self.today)))
    }

    /// The first period within one of a coarser grain, shown by every period of it.
    fn first_of(&self, metric: &Metric, cells: &str, coarse: Grain, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let whole = grouping.grain.filter(|grain| grain.is_part_of(coarse));
        let grain = whole.ok_or_else(|| refused(metric, "`offset_to_grain` between grains that cross"))?;
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

fn unknown(metric: &Metric, offset: Offset, grain: Grain) -> MetricsError {
    match offset {
        Offset::Window { count, grain: unit } => refused(metric, &format!("an offset of {count} {unit} by {grain}")),
        Offset::Periods(count) => refused(metric, &format!("an offset of {count} periods by {grain}")),
        Offset::None | Offset::ToGrain(_) => refused(metric, "its offset"),
    }
}
