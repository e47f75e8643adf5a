//! A query: metrics by group-bys, as a table.
//!
//! In: what `mf query` takes. Out: one record batch, the group-bys first, then the metrics.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::compute::{SortColumn, SortOptions, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Field, Schema};
use chrono::{DateTime, NaiveDate, Utc};
use quotient_model::{Filter, Grain, MetricKind, Project, nearest};

use crate::cells::{Column, Key, Kind, Value};
use crate::derive::{Cells, cells, fill_with};
use crate::engine::{BaseGrouping, Engine};
use crate::error::MetricsError;
use crate::needs::{CellRequest, Counts};

/// What a query asks.
#[derive(Debug, Clone, Default)]
pub struct QueryRequest {
    /// The metrics.
    pub metrics: Vec<String>,
    /// Items to group by: `metric_time__month`, `rep__team`, `customer`.
    pub group_by: Vec<String>,
    /// Conditions such as `{{ Dimension('rep__team') }} = 'A'`.
    pub filters: Vec<String>,
    /// The first day of metric time, inclusive.
    pub start: Option<NaiveDate>,
    /// The last day of metric time, inclusive.
    pub end: Option<NaiveDate>,
    /// Columns to order by; `-name` descends.
    pub order: Vec<String>,
    /// How many rows at most.
    pub limit: Option<usize>,
}

/// Answers a query.
///
/// Out: `metric_time__GRAIN` as a date, dimensions as text with `(none)` for missing values, metrics as integers, doubles or decimals.
/// Rows are ordered by the group-bys unless `order` says otherwise.
///
/// # Errors
/// Unknown names with the nearest valid one; everything that computing cells may report.
pub fn query(engine: &dyn Engine, project: &Project, request: &QueryRequest, as_of: DateTime<Utc>) -> Result<RecordBatch, MetricsError> {
    let (grain, slice) = split(&request.group_by)?;
    let mut filters = Vec::new();
    for template in &request.filters {
        filters.push(Filter::parse(template).map_err(|message| MetricsError::Definition { metric: request.metrics.join(", "), message: format!("where: {message}") })?);
    }
    // Cumulative and offset metrics look at days before the first one asked: the cut is made on cells.
    let asked = CellRequest {
        metrics: request.metrics.clone(),
        groupings: vec![BaseGrouping { grain, slice: slice.clone() }],
        filters,
        from: if grain.is_none() { request.start } else { None },
        to: if grain.is_none() { request.end.and_then(|d| d.succ_opt()) } else { None },
        counts: Counts::No,
    };
    let found = cells(engine, project, &asked, project.calendar.last_day_before(as_of))?;
    let table = table(project, request, grain, &found)?;
    ordered(request, table)
}

/// The grain and the dimensions among group-bys.
fn split(group_by: &[String]) -> Result<(Option<Grain>, Vec<String>), MetricsError> {
    let (mut grain, mut slice) = (None, Vec::new());
    for item in group_by {
        let Some(rest) = item.strip_prefix("metric_time") else {
            slice.push(item.clone());
            continue;
        };
        let name = rest.strip_prefix("__").unwrap_or("day");
        let found = Grain::parse(name).ok_or_else(|| MetricsError::Unknown {
            what: "granularity",
            name: name.to_owned(),
            near: nearest(name, Grain::ALL.map(Grain::name)).map(str::to_owned),
        })?;
        if grain.replace(found).is_some() {
            return Err(MetricsError::Definition { metric: "metric_time".to_owned(), message: "expected one granularity in a query, found two".to_owned() });
        }
    }
    Ok((grain, slice))
}

fn table(project: &Project, request: &QueryRequest, grain: Option<Grain>, found: &Cells) -> Result<RecordBatch, MetricsError> {
    let mut keys: BTreeSet<Key> = found.metrics.iter().flat_map(|(_, column)| column.cells.keys().copied()).filter(|key| key.grouping == 0).collect();
    if let (Some(_), true) = (grain, request.start.is_some() || request.end.is_some()) {
        let from = request.start.map_or(i32::MIN, |d| grain.map_or(d, |g| project.calendar.start_of(g, d)).to_epoch_days());
        let to = request.end.map_or(i32::MAX, |d| d.to_epoch_days());
        keys.retain(|key| from <= key.period && key.period <= to);
    }
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let mut dimension = 0;
    for item in &request.group_by {
        if item.starts_with("metric_time") {
            let name = grain.map_or_else(|| item.clone(), |g| format!("metric_time__{g}"));
            fields.push(Field::new(name, DataType::Date32, false));
            arrays.push(Arc::new(Date32Array::from_iter_values(keys.iter().map(|k| k.period))));
        } else {
            fields.push(Field::new(item, DataType::Utf8, false));
            let texts = keys.iter().map(|k| found.grid.member(*k).get(dimension).cloned().unwrap_or_default());
            arrays.push(Arc::new(StringArray::from_iter_values(texts)));
            dimension += 1;
        }
    }
    for (name, column) in &found.metrics {
        let column = filled(project, name, column, &keys);
        let array = metric_array(&column, &keys, name)?;
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(keys.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(|e| refused(&e))
}

/// A metric's column with its `fill_nulls_with` where other metrics have a cell and it has none.
///
/// Alone it has no cell to be missing from.
#[must_use]
pub fn filled(project: &Project, name: &str, column: &Rc<Column>, keys: &BTreeSet<Key>) -> Rc<Column> {
    let filler = match project.metrics.get(name).map(|m| &m.kind) {
        Some(MetricKind::Simple(simple)) => simple.fill_nulls_with,
        _ => None,
    };
    fill_with(Rc::clone(column), filler, keys.iter().copied())
}

/// The values of a metric at keys, as an arrow array of its own type.
///
/// # Errors
/// A decimal scale that arrow does not have.
pub fn metric_array(column: &Column, keys: &BTreeSet<Key>, name: &str) -> Result<ArrayRef, MetricsError> {
    let values = keys.iter().map(|key| column.cells.get(key).copied().flatten());
    Ok(match column.kind {
        Kind::Int => Arc::new(values.map(|v| v.and_then(|v| if let Value::Int(i) = v { Some(i) } else { None })).collect::<Int64Array>()),
        Kind::Float => Arc::new(values.map(|v| v.map(|v| v.as_f64(Kind::Float))).collect::<Float64Array>()),
        Kind::Decimal(scale) => {
            let values = values.map(|v| v.and_then(|v| if let Value::Decimal(d) = v { Some(d) } else { None }));
            let array =
                values.collect::<Decimal128Array>().with_precision_and_scale(38, scale).map_err(|e| MetricsError::Bridge { column: name.to_owned(), reason: e.to_string() })?;
            Arc::new(array)
        }
    })
}

fn ordered(request: &QueryRequest, table: RecordBatch) -> Result<RecordBatch, MetricsError> {
    let mut columns = Vec::new();
    for item in &request.order {
        let (name, descending) = item.strip_prefix('-').map_or((item.as_str(), false), |name| (name, true));
        let schema = table.schema();
        let Some(values) = table.column_by_name(name) else {
            return Err(MetricsError::Unknown {
                what: "column to order by",
                name: name.to_owned(),
                near: nearest(name, schema.fields().iter().map(|f| f.name().as_str())).map(str::to_owned),
            });
        };
        columns.push(SortColumn { values: Arc::clone(values), options: Some(SortOptions { descending, nulls_first: false }) });
    }
    let rest = table.columns().iter().take(request.group_by.len()).map(|values| SortColumn { values: Arc::clone(values), options: None });
    columns.extend(rest);
    let table = if columns.is_empty() {
        table
    } else {
        let indices = lexsort_to_indices(&columns, None).map_err(|e| refused(&e))?;
        take_record_batch(&table, &indices).map_err(|e| refused(&e))?
    };
    let rows = request.limit.map_or(table.num_rows(), |limit| limit.min(table.num_rows()));
    Ok(table.slice(0, rows))
}

fn refused(error: &arrow::error::ArrowError) -> MetricsError {
    MetricsError::Bridge { column: "*".to_owned(), reason: error.to_string() }
}
