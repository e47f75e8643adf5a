//! Cumulative metrics: cells by day summed over a window that ends with the period.
//!
//! In: the CTE of a simple metric by day. Out: a query with a cell in every period, up to that of as-of, whose window has a day with one.

use quotient_model::{Dialect, Grain, MetricKind, PeriodAgg, Span, quoted};

use super::cell_set::{PERIOD, VALUE, equal, keys, names, names_of};
use super::derived::refused;
use super::statement::{Statement, date};
use super::typing::{kind_of, sql_type};
use crate::engine::BaseGrouping;
use crate::error::MetricsError;
use crate::needs::{Reached, find};
use crate::periods::period_start;

/// Where days are: a CTE and its column.
pub(crate) struct Days<'s> {
    pub(crate) table: &'s str,
    pub(crate) column: &'s str,
}

/// The windows of a grain.
pub(crate) struct Windows {
    /// A query with a row for each period: the period, the last day of its window, and the first where it has one.
    pub(crate) rows: String,
    /// A condition that a day of the table `days` lies in a window of the table `windows`.
    pub(crate) within: String,
}

impl<'a> Statement<'a> {
    /// The cells of a cumulative metric.
    pub(crate) fn cumulative(&mut self, reached: &Reached<'a>, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let metric = reached.metric;
        let meaningless = |message: String| MetricsError::Definition { metric: metric.name.clone(), message };
        let MetricKind::Cumulative { input, span, period_agg } = &metric.kind else { return Err(meaningless("expected a cumulative metric".to_owned())) };
        let grain = grouping.grain.ok_or_else(|| meaningless("a cumulative metric needs `metric_time` among its group-bys".to_owned()))?;
        let inner = find(self.project, &input.metric)?;
        if !inner.adds_up() {
            return self.row_window(reached, input, (*span, *period_agg), grouping);
        }
        let daily = BaseGrouping { grain: Some(Grain::Day), slice: grouping.slice.clone() };
        let cells = self.cells_of(&reached.input(inner, &input.filters), &daily)?;
        // A mean is that of days, each of which is its own last.
        let (grain, mean_by) = if *period_agg == PeriodAgg::Average { (Grain::Day, Some(grain)) } else { (grain, None) };
        let days = Days { table: &cells, column: PERIOD };
        let windows = self.windows((*span, *period_agg), grain, &days).ok_or_else(|| refused(metric, "a window of fiscal or retail periods"))?;
        let (period, value) = (quoted(PERIOD), quoted(VALUE));
        let kind = sql_type(kind_of(self.project, &self.kinds, inner)?);
        let slice = if grouping.slice.is_empty() { String::new() } else { format!(", {}", names_of("days", &grouping.slice)) };
        let sql = format!(
            "SELECT \"windows\".{period} AS {period}{slice}, CAST(sum(\"days\".{value}) AS {kind}) AS {value}
FROM (
  {}
) AS \"windows\"
INNER JOIN {} AS \"days\" ON {}
GROUP BY \"windows\".{period}{slice}",
            windows.rows,
            quoted(&cells),
            windows.within
        );
        Ok(match mean_by {
            None => sql,
            Some(grain) => self.mean(&sql, grain, grouping),
        })
    }

    /// The windows of every period from the first day to that of as-of; `None` where SQL cannot say when one starts.
    pub(crate) fn windows(&self, (span, period_agg): (Span, PeriodAgg), grain: Grain, days: &Days<'_>) -> Option<Windows> {
        let last = match period_agg {
            PeriodAgg::First => quoted(PERIOD),
            // A period that is not over shows the value of the last day that has begun.
            PeriodAgg::Last | PeriodAgg::Average => "max(\"day\")".to_owned(),
        };
        let from = self.window_start(span)?;
        let (period, day) = (quoted(PERIOD), format!("\"days\".{}", quoted(days.column)));
        let after = if from.is_empty() { String::new() } else { format!("{day} >= \"windows\".\"from\" AND ") };
        let from = if from.is_empty() { String::new() } else { format!(", {from} AS \"from\"") };
        let rows = format!(
            "SELECT {period}, \"last\"{from}
  FROM (
    SELECT {period}, {last} AS \"last\"
    FROM (SELECT \"day\", CAST({} AS DATE) AS {period} FROM ({}) AS \"spine\") AS \"periods\"
    GROUP BY {period}
  ) AS \"ends\"",
            period_start(&self.project.calendar, grain, "\"day\""),
            self.spine(days)
        );
        Some(Windows { rows, within: format!("{after}{day} <= \"windows\".\"last\"") })
    }

    /// The mean of the days of each period that have a value.
    fn mean(&self, days: &str, grain: Grain, grouping: &BaseGrouping) -> String {
        let (period, value) = (quoted(PERIOD), quoted(VALUE));
        let start = format!("CAST({} AS DATE)", period_start(&self.project.calendar, grain, &period));
        let slice = if grouping.slice.is_empty() { String::new() } else { format!(", {}", names_of("days", &grouping.slice)) };
        format!("SELECT {start} AS {period}{slice}, avg(CAST({value} AS DOUBLE)) AS {value}\nFROM (\n{days}\n) AS \"days\"\nGROUP BY {start}{slice}")
    }

    /// The same cells and one in every other period, from the first in any slice row to that of as-of.
    pub(crate) fn on_spine(&self, cells: &str, filler: Option<i64>, grouping: &BaseGrouping) -> String {
        let (period, value) = (quoted(PERIOD), quoted(VALUE));
        let filled = |value: String| filler.map_or_else(|| value.clone(), |filler| format!("COALESCE({value}, {filler})"));
        let Some(grain) = grouping.grain else {
            return format!("SELECT {}, {} AS {value} FROM {}", names(&keys(grouping)), filled(value.clone()), quoted(cells));
        };
        let shown = format!("{} AS {value}", filled(format!("\"cells\".{value}")));
        let (periods, table) = (self.periods(grain, cells), quoted(cells));
        if grouping.slice.is_empty() {
            return format!("SELECT \"spine\".{period}, {shown}\nFROM ({periods}) AS \"spine\"\nLEFT JOIN {table} AS \"cells\" ON \"spine\".{period} = \"cells\".{period}");
        }
        format!(
            "SELECT \"spine\".{period}, {}, {shown}\nFROM ({periods}) AS \"spine\"\nCROSS JOIN (SELECT DISTINCT {} FROM {table}) AS \"members\"\nLEFT JOIN {table} AS \"cells\" ON \"spine\".{period} = \"cells\".{period} AND {}",
            names_of("members", &grouping.slice),
            names(&grouping.slice),
            equal(&grouping.slice, "members", "cells")
        )
    }

    /// The periods from the first with a cell to that of as-of.
    pub(crate) fn periods(&self, grain: Grain, cells: &str) -> String {
        let start = period_start(&self.project.calendar, grain, "\"day\"");
        format!("SELECT DISTINCT CAST({start} AS DATE) AS {} FROM ({}) AS \"calendar\"", quoted(PERIOD), self.spine(&Days { table: cells, column: PERIOD }))
    }

    /// The days from the first that is there to that of as-of.
    fn spine(&self, days: &Days<'_>) -> String {
        let bounds = format!("SELECT min({}) AS \"first\", {} AS \"last\" FROM {}", quoted(days.column), date(self.today), quoted(days.table));
        let days = match self.dialect() {
            Dialect::DuckDb => "unnest(generate_series(CAST(\"first\" AS TIMESTAMP), CAST(\"last\" AS TIMESTAMP), INTERVAL 1 DAY))",
            Dialect::Spark => "explode(sequence(\"first\", \"last\", INTERVAL 1 DAY))",
        };
        format!("SELECT CAST(\"moment\" AS DATE) AS \"day\" FROM (SELECT {days} AS \"moment\" FROM ({bounds}) AS \"bounds\") AS \"moments\"")
    }

    /// The first day of the window that ends with `last`; nothing where it has no start, `None` where SQL cannot say.
    fn window_start(&self, span: Span) -> Option<String> {
        let day_after = |before: String| Some(format!("add_days({before}, 1)"));
        match span {
            Span::AllTime => Some(String::new()),
            Span::ToDate(grain) => Some(format!("CAST({} AS DATE)", period_start(&self.project.calendar, grain, "\"last\""))),
            Span::Window { count, grain: Grain::Day } => day_after(format!("add_days(\"last\", -{count})")),
            Span::Window { count, grain: Grain::Week } => day_after(format!("add_days(\"last\", -{})", count * 7)),
            Span::Window { count, grain: Grain::Month } => day_after(format!("add_months(\"last\", -{count})")),
            Span::Window { count, grain: Grain::Quarter } => day_after(format!("add_months(\"last\", -{})", count * 3)),
            Span::Window { count, grain: Grain::Year } => day_after(format!("add_months(\"last\", -{})", count * 12)),
            Span::Window { .. } => None,
        }
    }
}
