//! Cumulative metrics over what does not add up over days: distinct counts, extremes, averages, percentiles.
//!
//! In: the rows of a fact. Out: a query that aggregates, for every period, the rows whose days lie in its window.

use quotient_model::{Input, MetricKind, PeriodAgg, Span, quoted};

use super::cell_set::{PERIOD, VALUE, label};
use super::derived::{aggregate, refused};
use super::facts::{DAY, measure_column};
use super::statement::Statement;
use super::window::Days;
use crate::cells::Kind;
use crate::engine::BaseGrouping;
use crate::error::MetricsError;
use crate::needs::{Reached, find};

impl<'a> Statement<'a> {
    /// The cells of a cumulative metric from the rows themselves.
    pub(crate) fn row_window(&mut self, reached: &Reached<'a>, input: &'a Input, window: (Span, PeriodAgg), grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let metric = reached.metric;
        let inner = reached.input(find(self.project, &input.metric)?, &input.filters);
        // What else has no meaning is found by the query over empty sources.
        let (Some(grain), MetricKind::Simple(simple)) = (grouping.grain, &inner.metric.kind) else { return Err(refused(metric, "a window over it")) };
        let (need, fact) = self.fact(reached, grouping)?;
        let rows = self.passing(&fact, &inner.filters)?;
        let windows = self.windows(window, grain, &Days { table: &fact, column: DAY }).ok_or_else(|| refused(metric, "a window of fiscal or retail periods"))?;
        let kind = self.kinds.get(&metric.name).copied().unwrap_or(Kind::Int);
        let value = aggregate(simple.agg, &format!("\"days\".{}", quoted(&measure_column(&need, &simple.expr))), kind);
        let period = quoted(PERIOD);
        let labels: Vec<String> = grouping.slice.iter().map(|item| label(&format!("\"days\".{}", quoted(item)))).collect();
        let shown: Vec<String> = labels.iter().zip(&grouping.slice).map(|(sql, item)| format!(", {sql} AS {}", quoted(item))).collect();
        let groups: Vec<String> = std::iter::once(format!("\"windows\".{period}")).chain(labels).collect();
        Ok(format!(
            "SELECT \"windows\".{period} AS {period}{}, {value} AS {}
FROM (
  {}
) AS \"windows\"
INNER JOIN (SELECT * FROM {rows}) AS \"days\" ON {}
GROUP BY {}",
            shown.concat(),
            quoted(VALUE),
            windows.rows,
            windows.within,
            groups.join(", ")
        ))
    }
}
