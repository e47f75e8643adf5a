//! Conversions as CTEs: the converting rows, by period and slice of the base row that each belongs to.
//!
//! In: a conversion metric and a grouping. Out: a query with a row for each cell of the metric.
//! The rules are those of `crate::conversion`: a converting row belongs to the last base row of its entity that is not after it.

use quotient_model::{Calculation, Conversion, Grain, quoted};

use super::cell_set::{Beside, VALUE, keys, label, names, side_by_side};
use super::derived::{aggregate, quotient, refused};
use super::facts::{DAY, measure_column, moments};
use super::statement::Statement;
use crate::cells::Kind;
use crate::engine::{BaseGrouping, BaseRequest, ConversionRequest};
use crate::error::MetricsError;
use crate::needs::{Reached, find};

/// The moment of a row: its day, or its instant.
const AT: &str = "__at";
/// What is aggregated of a converting row.
const CONVERTED: &str = "__converted";

impl<'a> Statement<'a> {
    /// The cells of a conversion metric.
    pub(crate) fn conversion(&mut self, reached: &Reached<'a>, conversion: &'a Conversion, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let metric = reached.metric;
        let column = reached.conversions_column();
        let request = self.conversions.iter().find(|known| known.name == column && known.base.groupings.contains(grouping)).cloned();
        let Some(request) = request else { return Err(MetricsError::Unknown { what: "metric", name: metric.name.clone(), near: None }) };
        let converted = self.converted(reached, &request, grouping)?;
        let converted = self.add(&format!("metric__{}__conversions", metric.name), converted);
        let base = self.input(reached, &conversion.base, grouping)?;
        let filler = find(self.project, &conversion.conversion.metric)?.filler();
        let parts = [Beside { alias: "numerator".to_owned(), cells: converted, filler }, Beside { alias: "denominator".to_owned(), cells: base, filler: None }];
        Ok(match conversion.calculation {
            Calculation::Rate => quotient(&parts, grouping),
            Calculation::Conversions => {
                format!("SELECT {}, \"numerator\" AS {}\nFROM (\n{}\n) AS \"parts\"", names(&keys(grouping)), quoted(VALUE), side_by_side(grouping, &parts))
            }
        })
    }

    /// The converting rows aggregated.
    fn converted(&mut self, reached: &Reached<'a>, request: &ConversionRequest<'a>, grouping: &BaseGrouping) -> Result<String, MetricsError> {
        let Some(measure) = request.conversion.measures.first() else { return Err(refused(reached.metric, "a conversion without a measure")) };
        let on = self.belongs(request).ok_or_else(|| refused(reached.metric, "a window of fiscal or retail periods"))?;
        let base = self.side(request, &request.base)?;
        let converting = self.side(request, &request.conversion)?;
        let kind = self.kinds.get(&reached.metric.name).copied().unwrap_or(Kind::Int);
        let groups = self.group_keys(grouping, &quoted(DAY));
        let shown: Vec<String> = groups.iter().zip(keys(grouping)).map(|(sql, key)| format!("{sql} AS {}", quoted(&key))).collect();
        Ok(format!(
            "SELECT {}, {} AS {}
FROM (
SELECT \"base\".*, \"converting\".{} AS \"{CONVERTED}\", row_number() OVER (PARTITION BY \"converting\".\"__row\" ORDER BY {}) AS \"__place\"
FROM (SELECT *, row_number() OVER (ORDER BY \"{AT}\") AS \"__row\" FROM {converting}) AS \"converting\"
INNER JOIN (SELECT * FROM {base}) AS \"base\" ON {on}
) AS \"matched\"
WHERE \"__place\" = 1
GROUP BY {}
HAVING COUNT(*) > 0",
            shown.join(", "),
            aggregate(measure.agg, &quoted(CONVERTED), kind),
            quoted(VALUE),
            quoted(&measure_column(&request.conversion, measure.expr)),
            last_first(request).join(", "),
            groups.join(", ")
        ))
    }

    /// The rows of one side that pass its filters, with their moments.
    fn side(&mut self, request: &ConversionRequest<'a>, side: &BaseRequest<'a>) -> Result<String, MetricsError> {
        let (day, instant) = moments(self.engine, side)?;
        let mut need = side.clone();
        need.keep.push((AT.to_owned(), if request.by_day { day } else { instant }));
        let fact = self.add_fact(&format!("fact__{}__{}__of_conversion", side.model, side.time), &need)?;
        let filters = side.measures.first().map(|measure| measure.filters.clone()).unwrap_or_default();
        self.passing(&fact, &filters)
    }

    /// A condition that a base row is one that a converting row may belong to; `None` where SQL cannot say.
    fn belongs(&self, request: &ConversionRequest<'_>) -> Option<String> {
        let same = request.keys.iter().map(|key| format!("CAST(\"base\".{key} AS VARCHAR) = CAST(\"converting\".{key} AS VARCHAR)", key = quoted(key)));
        let mut conditions: Vec<String> = same.collect();
        conditions.push(format!("\"base\".\"{AT}\" <= \"converting\".\"{AT}\""));
        if let Some((count, grain)) = request.window {
            let (days, months) = match grain {
                Grain::Day => (count, 0),
                Grain::Week => (count * 7, 0),
                Grain::Month => (0, count),
                Grain::Quarter => (0, count * 3),
                Grain::Year => (0, count * 12),
                _ => return None,
            };
            let at = format!("\"converting\".\"{AT}\"");
            let start = match (request.by_day, months) {
                (true, 0) => format!("add_days({at}, -{days})"),
                (true, months) => format!("add_months({at}, -{months})"),
                (false, 0) => format!("local_before({at}, '{}', INTERVAL '{days}' DAY)", self.project.calendar.zone.name()),
                (false, months) => format!("local_before({at}, '{}', INTERVAL '{months}' MONTH)", self.project.calendar.zone.name()),
            };
            conditions.push(format!("\"base\".\"{AT}\" > {start}"));
        }
        Some(conditions.join("\n  AND "))
    }
}

/// The order of base rows: the last first, and of one moment the first by its items.
fn last_first(request: &ConversionRequest<'_>) -> Vec<String> {
    let mut items: Vec<&String> = request.base.groupings.iter().flat_map(|grouping| &grouping.slice).collect();
    items.sort();
    items.dedup();
    let labels = items.into_iter().map(|item| label(&format!("\"base\".{}", quoted(item))));
    std::iter::once(format!("\"base\".\"{AT}\" DESC")).chain(labels).collect()
}
