//! Metrics as CTEs of cells: aggregates of facts, and arithmetic on the cells of other metrics.
//!
//! In: a metric with the filters that reach it, and a grouping. Out: the name of a CTE with a row for each cell.
//! The rules are those of `derive`, `needs` and `query`: which cells exist, what is filled, when a value is null.

use quotient_model::{Agg, Input, Metric, MetricKind, NonAdditive, Offset, Simple, WindowChoice, quoted};

use super::cell_set::{Beside, PERIOD, VALUE, equal, keys, label, names, names_of, side_by_side};
use super::facts::{DAY, measure_column};
use super::statement::Statement;
use super::typing::{kind_of, sql_type};
use crate::cells::Kind;
use crate::engine::{BaseGrouping, BaseRequest};
use crate::error::MetricsError;
use crate::needs::{Reached, find, total_of};
use crate::periods::period_start;
use crate::snapshot::{MOMENT, by_name};

impl<'a> Statement<'a> {
    /// The CTE of a metric's cells.
    pub(crate) fn cells_of(&mut self, reached: &Reached<'a>, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let key = (reached.column(), grouping.clone());
        if let Some(name) = self.cells.get(&key) {
            return Ok(name.clone());
        }
        let metric = reached.metric;
        let sql = match &metric.kind {
            MetricKind::Simple(simple) => self.simple(reached, simple, grouping)?,
            MetricKind::Ratio { numerator, denominator } => self.ratio(reached, numerator, denominator, grouping)?,
            MetricKind::Derived { expr, inputs } => self.derived(reached, expr, inputs, grouping)?,
            MetricKind::Cumulative { .. } => self.cumulative(reached, grouping)?,
            MetricKind::Conversion(conversion) => self.conversion(reached, conversion, grouping)?,
        };
        let name = self.add(&format!("metric__{}", metric.name), sql);
        self.cells.insert(key, name.clone());
        Ok(name)
    }

    fn simple(&mut self, reached: &Reached<'a>, simple: &'a Simple, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let metric = reached.metric;
        let (need, fact) = self.fact(reached, grouping)?;
        let groups = self.group_keys(grouping, &quoted(DAY));
        let shown: Vec<String> = groups.iter().zip(keys(grouping)).map(|(sql, key)| format!("{sql} AS {}", quoted(&key))).collect();
        let kind = kind_of(self.project, &self.kinds, metric)?;
        let value = aggregate(simple.agg, &quoted(&measure_column(&need, &simple.expr)), kind);
        let mut rows = self.passing(&fact, &reached.filters)?;
        if let Some(rule) = &simple.non_additive {
            rows = snapshot(rule, &need, &rows, &groups[0]);
        }
        let sql = format!("SELECT {}, {value} AS {}\nFROM {rows}\nGROUP BY {}\nHAVING COUNT(*) > 0", shown.join(", "), quoted(VALUE), groups.join(", "));
        if !simple.join_to_timespine {
            return Ok(sql);
        }
        let found = self.add(&format!("metric__{}__found", metric.name), sql);
        Ok(self.on_spine(&found, simple.fill_nulls_with, grouping))
    }

    /// What rows are grouped by: the period of a day, and the texts of the slice.
    pub(crate) fn group_keys(&self, grouping: &BaseGrouping, day: &str) -> Vec<String> {
        let period = match grouping.grain {
            Some(grain) => format!("CAST({} AS DATE)", period_start(&self.project.calendar, grain, day)),
            None => "CAST('1970-01-01' AS DATE)".to_owned(),
        };
        std::iter::once(period).chain(grouping.slice.iter().map(|item| label(&quoted(item)))).collect()
    }

    /// The cells of an input, moved by its offset.
    pub(crate) fn input(&mut self, reached: &Reached<'a>, input: &'a Input, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let inner = reached.input(find(self.project, &input.metric)?, &input.filters);
        let cells = self.cells_of(&inner, grouping)?;
        if input.offset == Offset::None {
            return Ok(cells);
        }
        let sql = if reached.metric.meta.like_for_like { self.like_for_like(reached, input, grouping)? } else { self.moved(reached.metric, &cells, input.offset, grouping)? };
        Ok(self.add(&format!("{cells}__moved"), sql))
    }

    /// A column of an input among others; `fill_nulls_with` of a simple metric counts where another has a cell.
    fn beside(&mut self, reached: &Reached<'a>, input: &'a Input, alias: &str, grouping: &BaseGrouping) -> Result<Beside, MetricsError> {
        let filler = find(self.project, &input.metric)?.filler();
        Ok(Beside { alias: alias.to_owned(), cells: self.input(reached, input, grouping)?, filler })
    }

    fn ratio(&mut self, reached: &Reached<'a>, numerator: &'a Input, denominator: &'a Input, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        if reached.metric.meta.share_of_total {
            return self.share(reached, numerator, denominator, grouping);
        }
        let parts = [self.beside(reached, numerator, "numerator", grouping)?, self.beside(reached, denominator, "denominator", grouping)?];
        Ok(quotient(&parts, grouping))
    }

    /// A ratio to the total of the period.
    fn share(&mut self, reached: &Reached<'a>, numerator: &'a Input, denominator: &'a Input, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let above = self.input(reached, numerator, grouping)?;
        let total = self.input(reached, denominator, &total_of(grouping))?;
        let value = quoted(VALUE);
        Ok(format!(
            "SELECT {}, CAST(\"part\".{value} AS DOUBLE) / NULLIF(CAST(\"total\".{value} AS DOUBLE), 0) AS {value}\nFROM {} AS \"part\"\nLEFT JOIN {} AS \"total\" ON {}",
            names_of("part", &keys(grouping)),
            quoted(&above),
            quoted(&total),
            equal(&[PERIOD.to_owned()], "part", "total")
        ))
    }

    fn derived(&mut self, reached: &Reached<'a>, expr: &str, inputs: &'a [Input], grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let kind = kind_of(self.project, &self.kinds, reached.metric)?;
        let mut columns = Vec::new();
        for input in inputs {
            columns.push(self.beside(reached, input, &input.alias, grouping)?);
        }
        let (keys, value) = (names(&keys(grouping)), quoted(VALUE));
        // A line of its own for the expression: it may end with a comment.
        let formula = format!("SELECT {keys}, CAST((\n{}\n) AS {}) AS {value}\nFROM (\n{}\n) AS \"inputs\"", expr.trim(), sql_type(kind), side_by_side(grouping, &columns));
        if kind != Kind::Float {
            return Ok(formula);
        }
        // A formula that divides by zero is null, never infinite.
        Ok(format!("SELECT {keys}, CASE WHEN isfinite({value}) THEN {value} END AS {value}\nFROM (\n{formula}\n) AS \"formula\""))
    }
}

/// The rows of the first or last moment, in every period and for every value of what the rule groups by.
fn snapshot(rule: &NonAdditive, need: &BaseRequest<'_>, rows: &str, period: &str) -> String {
    let is_fine = need.keep.iter().any(|(kept, _)| kept == MOMENT);
    let moment = quoted(if is_fine { MOMENT } else { DAY });
    let extreme = match rule.choice {
        WindowChoice::Min => "min",
        WindowChoice::Max => "max",
    };
    let by = (0..rule.by.len()).map(|place| label(&quoted(&by_name(place))));
    let groups: Vec<String> = std::iter::once(period.to_owned()).chain(by).collect();
    format!("(\nSELECT *, {extreme}({moment}) OVER (PARTITION BY {}) AS \"__extreme\" FROM {rows}\n) AS \"moments\"\nWHERE {moment} = \"__extreme\"", groups.join(", "))
}

/// What is not written of a metric.
pub(crate) fn refused(metric: &Metric, what: &str) -> MetricsError {
    MetricsError::Group { metric: metric.name.clone(), message: format!("`compile` does not write {what}; `query` answers it") }
}

/// The cells `numerator` over the cells `denominator`.
pub(crate) fn quotient(parts: &[Beside], grouping: &BaseGrouping) -> String {
    format!(
        "SELECT {}, CAST(\"numerator\" AS DOUBLE) / NULLIF(CAST(\"denominator\" AS DOUBLE), 0) AS {}\nFROM (\n{}\n) AS \"parts\"",
        names(&keys(grouping)),
        quoted(VALUE),
        side_by_side(grouping, parts)
    )
}

/// An aggregate of values.
pub(crate) fn aggregate(agg: Agg, value: &str, kind: Kind) -> String {
    let kind = sql_type(kind);
    match agg {
        Agg::Sum => format!("CAST(sum({value}) AS {kind})"),
        Agg::Min => format!("CAST(min({value}) AS {kind})"),
        Agg::Max => format!("CAST(max({value}) AS {kind})"),
        Agg::Count => format!("count({value})"),
        Agg::CountDistinct => format!("count(DISTINCT {value})"),
        Agg::SumBoolean => format!("CAST(sum(CASE WHEN {value} THEN 1 ELSE 0 END) AS BIGINT)"),
        Agg::Average => format!("CAST(sum({value}) AS DOUBLE) / NULLIF(count({value}), 0)"),
        Agg::Median => format!("quantile_cont(CAST({value} AS DOUBLE), 0.5)"),
        Agg::Percentile { rank, discrete: false } => format!("quantile_cont(CAST({value} AS DOUBLE), {rank})"),
        Agg::Percentile { rank, discrete: true } => format!("quantile_disc(CAST({value} AS DOUBLE), {rank})"),
    }
}
