//! A metric beside the rows of a fact, for filters such as `{{ Metric('revenue', group_by=['customer']) }} > 100`.
//!
//! In: rows with the items that the metric is grouped by. Out: the same rows with the metric's value over all time up to as-of;
//! null where an item is missing or the metric has no cell.

use arrow::datatypes::{Field, Schema};
use polars::prelude::{Column, DataFrame, DataType as PolarsType, IntoLazy, JoinArgs, JoinType, NamedFrom, Series, col};
use quotient_model::MetricRef;

use crate::cells::Key;
use crate::derive::cells;
use crate::engine::{BaseGrouping, NONE};
use crate::error::MetricsError;
use crate::formula::{arrow_type, series_of};
use crate::needs::CellRequest;
use crate::polars_engine::PolarsEngine;
use crate::sql::Relation;

impl CellRequest {
    /// The cells of a metric that a filter compares.
    pub(crate) fn beside_rows(read: &MetricRef) -> Self {
        let grouping = BaseGrouping { grain: None, slice: read.group_by.clone() };
        Self { metrics: vec![read.name.clone()], groupings: vec![grouping], ..Self::default() }
    }
}

/// Puts the value of a metric beside rows; the number of rows stays, as a cell has one value for each row of its items.
///
/// The metric is computed over all its rows: the filters and the period of the fact do not reach it.
pub(crate) fn add_metric(engine: &PolarsEngine<'_>, rows: Relation, read: &MetricRef) -> Result<Relation, MetricsError> {
    let project = engine.project();
    let found = cells(engine, project, &CellRequest::beside_rows(read), project.calendar.last_day_before(engine.as_of()))?;
    let Some((_, values)) = found.metrics.first() else { return Ok(rows) };
    let named = |key: &Key| key.grouping == 0 && !found.grid.member(*key).iter().any(|text| text == NONE);
    let keys: Vec<Key> = values.cells.keys().iter().copied().filter(named).collect();
    let mut columns: Vec<Column> = Vec::new();
    for at in 0..read.group_by.len() {
        let texts: Vec<String> = keys.iter().map(|key| found.grid.member(*key).get(at).cloned().unwrap_or_default()).collect();
        columns.push(Series::new(key_name(at).into(), texts).into());
    }
    columns.push(series_of(&read.column, values, &keys).into());
    let compute = |source| MetricsError::Compute { model: read.name.clone(), doing: "put it beside the rows that it filters", source };
    let values_of_keys = DataFrame::new(keys.len(), columns).map_err(compute)?;

    let texts: Vec<_> = read.group_by.iter().enumerate().map(|(at, item)| col(item.as_str()).cast(PolarsType::String).alias(key_name(at))).collect();
    let on: Vec<_> = (0..read.group_by.len()).map(|at| col(key_name(at))).collect();
    let joined = rows.frame.with_columns(texts).join(values_of_keys.lazy(), on.clone(), on, JoinArgs::new(JoinType::Left));
    let mut fields: Vec<Field> = rows.schema.fields().iter().map(|field| field.as_ref().clone()).collect();
    fields.push(Field::new(&read.column, arrow_type(values.kind), true));
    let names: Vec<_> = fields.iter().map(|field| col(field.name().as_str())).collect();
    Ok(Relation { schema: Schema::new(fields).into(), frame: joined.select(names) })
}

fn key_name(at: usize) -> String {
    format!("__by{at}")
}
