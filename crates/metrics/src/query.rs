//! A query: metrics by group-bys, as a table.
//!
//! In: what `mf query` takes. Out: one record batch, the group-bys first, then the metrics.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch};
use arrow::compute::{SortColumn, SortOptions, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{Field, Schema};
use chrono::{DateTime, NaiveDate, Utc};
use quotient_model::{Filter, Project, nearest};

use crate::cell_map::all_keys;
use crate::cells::{Column, Key, Kind, Value};
use crate::derive::{Cells, cells};
use crate::engine::{BaseGrouping, Engine};
use crate::error::MetricsError;
use crate::group_columns::GroupColumns;
use crate::needs::{CellRequest, Counts};

/// What a query asks.
#[derive(Debug, Clone, Default)]
pub struct QueryRequest {
    /// The metrics.
    pub metrics: Vec<String>,
    /// Items to group by: `metric_time__month`, `deal__created_at__week`, `metric_time__extract_dow`, `rep__team`, `customer`.
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

impl QueryRequest {
    /// The cells that answer it.
    pub(crate) fn cells(&self, groups: &GroupColumns) -> Result<CellRequest, MetricsError> {
        let mut filters = Vec::new();
        for template in &self.filters {
            filters.push(Filter::parse(template).map_err(|message| MetricsError::Definition { metric: self.metrics.join(", "), message: format!("where: {message}") })?);
        }
        // Cumulative and offset metrics look at days before the first one asked: the cut is made on cells.
        let by_rows = groups.grain.is_none();
        Ok(CellRequest {
            metrics: self.metrics.clone(),
            groupings: vec![BaseGrouping { grain: groups.grain, slice: groups.slice.clone() }],
            filters,
            from: self.start.filter(|_| by_rows),
            to: self.end.filter(|_| by_rows).and_then(|day| day.succ_opt()),
            counts: Counts::No,
        })
    }
}

/// Answers a query.
///
/// Out: a column per group-by, then one per metric. Times are the first day of their period as a date, by day where no granularity is said,
/// and date parts (`metric_time__extract_month`) are integers; both are null where a time is missing. Dimensions are text with `(none)`
/// for missing values, metrics are integers, doubles or decimals.
/// Rows are ordered by the group-bys unless `order` says otherwise.
///
/// # Errors
/// Unknown names with the nearest valid one; everything that computing cells may report.
pub fn query(engine: &dyn Engine, project: &Project, request: &QueryRequest, as_of: DateTime<Utc>) -> Result<RecordBatch, MetricsError> {
    let groups = GroupColumns::new(project, &request.metrics, &request.group_by)?;
    let asked = request.cells(&groups)?;
    let found = cells(engine, project, &asked, project.calendar.last_day_before(as_of))?;
    let table = table(project, request, &groups, &found)?;
    ordered(request, &groups, table)
}

fn table(project: &Project, request: &QueryRequest, groups: &GroupColumns, found: &Cells) -> Result<RecordBatch, MetricsError> {
    let mut keys = all_keys(found.metrics.iter().map(|(_, column)| &column.cells));
    keys.retain(|key| key.grouping == 0);
    if let (Some(grain), true) = (groups.grain, request.start.is_some() || request.end.is_some()) {
        let from = request.start.map_or(i32::MIN, |d| project.calendar.start_of(grain, d).to_epoch_days());
        let to = request.end.map_or(i32::MAX, |d| d.to_epoch_days());
        keys.retain(|key| from <= key.period && key.period <= to);
    }
    let (mut fields, mut arrays): (Vec<Field>, Vec<ArrayRef>) = groups.arrays(project, found, &keys).into_iter().unzip();
    for (name, column) in &found.metrics {
        let column = found.filled(project, name, column, &keys);
        let array = metric_array(&column, &keys, name)?;
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(keys.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(|e| refused(&e))
}

/// The values of a metric at ascending keys, as an arrow array of its own type.
///
/// # Errors
/// A decimal scale that arrow does not have.
pub fn metric_array(column: &Column, keys: &[Key], name: &str) -> Result<ArrayRef, MetricsError> {
    let values = column.cells.values_at(keys);
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

fn ordered(request: &QueryRequest, groups: &GroupColumns, table: RecordBatch) -> Result<RecordBatch, MetricsError> {
    let mut columns = Vec::new();
    for item in &request.order {
        let (name, descending) = item.strip_prefix('-').map_or((item.as_str(), false), |name| (name, true));
        let schema = table.schema();
        let Some(values) = table.column_by_name(groups.name_of(name)) else {
            return Err(MetricsError::Unknown {
                what: "column to order by",
                name: name.to_owned(),
                near: nearest(name, schema.fields().iter().map(|f| f.name().as_str())).map(str::to_owned),
            });
        };
        columns.push(SortColumn { values: Arc::clone(values), options: Some(SortOptions { descending, nulls_first: false }) });
    }
    let last = Some(SortOptions { descending: false, nulls_first: false });
    let rest = table.columns().iter().take(groups.count()).map(|values| SortColumn { values: Arc::clone(values), options: last });
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
