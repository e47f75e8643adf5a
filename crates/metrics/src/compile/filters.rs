//! The rows of a fact that pass filters, with the metrics that these compare.
//!
//! In: the name of a fact's CTE, filters. Out: what stands after `FROM`; and what is asked of facts for `Metric()` in filters.
//! A metric in a filter is its value over all time, whatever is asked around it; null where an item is missing or it has no cell.

use quotient_model::{Filter, MetricRef, Project, quoted};

use super::cell_set::VALUE;
use super::statement::Statement;
use crate::engine::{BaseGrouping, NONE};
use crate::error::MetricsError;
use crate::needs::{CellRequest, needs_of, reach};

impl<'a> Statement<'a> {
    /// The rows of a fact that pass filters.
    pub(crate) fn passing(&mut self, fact: &str, filters: &[&'a Filter]) -> Result<String, MetricsError> {
        let conditions: Vec<String> = filters.iter().map(|filter| format!("({})", filter.sql)).collect();
        let passing = if conditions.is_empty() { String::new() } else { format!("\nWHERE {}", conditions.join(" AND ")) };
        let mut read: Vec<&MetricRef> = Vec::new();
        for metric in filters.iter().flat_map(|filter| &filter.metrics) {
            if !read.contains(&metric) {
                read.push(metric);
            }
        }
        if read.is_empty() {
            return Ok(format!("{}{passing}", quoted(fact)));
        }
        let (mut columns, mut joins) = (Vec::new(), Vec::new());
        for (place, metric) in read.into_iter().enumerate() {
            let cells = self.cells_of(&reach(self.project, &metric.name, &[])?, &over_all_time(metric))?;
            let table = quoted(&format!("read{place}"));
            columns.push(format!("{table}.{} AS {}", quoted(VALUE), quoted(&metric.column)));
            joins.push(format!("LEFT JOIN {} AS {table} ON {}", quoted(&cells), same_items(metric, &table)));
        }
        Ok(format!("(\nSELECT \"rows\".*, {}\nFROM {} AS \"rows\"\n{}\n) AS \"beside\"{passing}", columns.join(", "), quoted(fact), joins.join("\n")))
    }
}

/// A condition that the items of a row are those of a metric's cell.
fn same_items(metric: &MetricRef, table: &str) -> String {
    let same = metric.group_by.iter().map(|item| format!("CAST(\"rows\".{item} AS VARCHAR) = {table}.{item} AND {table}.{item} <> '{NONE}'", item = quoted(item)));
    let same: Vec<String> = same.collect();
    if same.is_empty() { "TRUE".to_owned() } else { same.join(" AND ") }
}

fn over_all_time(metric: &MetricRef) -> BaseGrouping {
    BaseGrouping { grain: None, slice: metric.group_by.clone() }
}

/// The requests behind the metrics in filters, and behind those in the filters of these.
pub(super) fn requests_of_filters(project: &Project, asked: &CellRequest) -> Result<Vec<CellRequest>, MetricsError> {
    let mut found: Vec<CellRequest> = Vec::new();
    let mut next = read_by(project, asked)?;
    while let Some(request) = next.pop() {
        if found.iter().all(|known| (&known.metrics, &known.groupings) != (&request.metrics, &request.groupings)) {
            next.extend(read_by(project, &request)?);
            found.push(request);
        }
    }
    Ok(found)
}

fn read_by(project: &Project, request: &CellRequest) -> Result<Vec<CellRequest>, MetricsError> {
    let needs = needs_of(project, request)?;
    let sides = needs.conversions.values().flat_map(|conversion| [&conversion.base, &conversion.conversion]);
    let filters = needs.base.values().chain(sides).flat_map(|need| &need.measures).flat_map(|measure| &measure.filters);
    let read = filters.flat_map(|filter| &filter.metrics);
    Ok(read.map(|metric| CellRequest { metrics: vec![metric.name.clone()], groupings: vec![over_all_time(metric)], ..CellRequest::default() }).collect())
}
