//! `kpi_values`: one row per cell, whatever its metric.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use chrono::{DateTime, Days, Utc};
use quotient_metrics::{Cells, Column, Key, Kind, Value};
use quotient_model::{Metric, MetricKind, Period, Project, definition_hash};

use crate::error::JobError;
use crate::results::{batch, period_of, refused, slice_name};

/// Digits after the point of the column `amount`.
const AMOUNT_SCALE: i8 = 6;

/// The rows of `kpi_values` as they gather, table by table; a cell that two tables show is there once.
#[derive(Default)]
pub(crate) struct Values {
    rows: BTreeMap<CellName, Row>,
}

/// What names a cell over all tables: metric, grain, first day, slice, dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct CellName {
    metric: String,
    grain: &'static str,
    period_start: i32,
    slice: String,
    dimensions: String,
}

#[derive(Debug, Clone)]
struct Row {
    period_end: i32,
    value: Option<f64>,
    amount: Option<i128>,
    numerator: Option<f64>,
    denominator: Option<f64>,
    n: Option<i64>,
    unit: String,
    additivity: String,
    status: &'static str,
    previous: Option<f64>,
    previous_year: Option<f64>,
    definition_hash: String,
}

/// Who computed the rows.
pub(crate) struct Stamp<'a> {
    pub(crate) job: &'a str,
    pub(crate) run_id: &'a str,
    pub(crate) as_of: DateTime<Utc>,
}

impl Values {
    /// Adds cells of one table.
    pub(crate) fn add(&mut self, project: &Project, cells: &Cells, keys: &BTreeSet<Key>, as_of: DateTime<Utc>) {
        for (name, column) in &cells.metrics {
            let Some(metric) = project.metrics.get(name) else { continue };
            let hash = definition_hash(project, metric);
            let column = cells.filled(project, name, column, keys);
            for key in keys.iter().filter(|key| column.cells.contains_key(key)) {
                let Some(period) = period_of(&project.calendar, cells, *key) else { continue };
                let cell_of = CellOf { project, cells, metric, column: &column, key: *key, period };
                let row = cell_of.row(as_of, &hash);
                let Some(grouping) = cells.grid.grouping(*key) else { continue };
                let dimensions: serde_json::Map<String, serde_json::Value> =
                    grouping.slice.iter().cloned().zip(cells.grid.member(*key).iter().map(|text| text.as_str().into())).collect();
                let cell = CellName {
                    metric: name.clone(),
                    grain: period.grain.name(),
                    period_start: key.period,
                    slice: slice_name(&grouping.slice),
                    dimensions: serde_json::Value::Object(dimensions).to_string(),
                };
                self.rows.entry(cell).or_insert(row);
            }
        }
    }
}

impl Values {
    /// The gathered rows, in the order of their names.
    ///
    /// `value` is a double of every cell; `amount` is the exact decimal of money, with six digits after the point.
    pub(crate) fn into_batch(self, stamp: &Stamp<'_>) -> Result<RecordBatch, JobError> {
        let (names, rows): (Vec<CellName>, Vec<Row>) = self.rows.into_iter().unzip();
        let text = |texts: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from_iter_values(texts)) };
        let doubles = |value: fn(&Row) -> Option<f64>| -> ArrayRef { Arc::new(rows.iter().map(value).collect::<Float64Array>()) };
        let dates = |days: Vec<i32>| -> ArrayRef { Arc::new(Date32Array::from(days)) };
        let amounts = rows.iter().map(|r| r.amount).collect::<Decimal128Array>().with_precision_and_scale(38, AMOUNT_SCALE);
        let computed = rows.iter().map(|_| Some(stamp.as_of.timestamp_micros())).collect::<TimestampMicrosecondArray>().with_timezone("UTC");
        let change = |r: &Row| r.value.zip(r.previous).map(|(now, before)| now - before);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("job", text(names.iter().map(|_| stamp.job).collect())),
            ("metric", text(names.iter().map(|n| n.metric.as_str()).collect())),
            ("grain", text(names.iter().map(|n| n.grain).collect())),
            ("period_start", dates(names.iter().map(|n| n.period_start).collect())),
            ("period_end", dates(rows.iter().map(|r| r.period_end).collect())),
            ("slice", text(names.iter().map(|n| n.slice.as_str()).collect())),
            ("dimensions", text(names.iter().map(|n| n.dimensions.as_str()).collect())),
            ("value", doubles(|r| r.value)),
            ("amount", Arc::new(amounts.map_err(|e| refused("kpi_values", &e))?)),
            ("numerator", doubles(|r| r.numerator)),
            ("denominator", doubles(|r| r.denominator)),
            ("n", Arc::new(rows.iter().map(|r| r.n).collect::<Int64Array>())),
            ("unit", text(rows.iter().map(|r| r.unit.as_str()).collect())),
            ("additivity", text(rows.iter().map(|r| r.additivity.as_str()).collect())),
            ("status", text(rows.iter().map(|r| r.status).collect())),
            ("previous", doubles(|r| r.previous)),
            ("change", Arc::new(rows.iter().map(change).collect::<Float64Array>())),
            ("previous_year", doubles(|r| r.previous_year)),
            ("definition_hash", text(rows.iter().map(|r| r.definition_hash.as_str()).collect())),
            ("run_id", text(names.iter().map(|_| stamp.run_id).collect())),
            ("computed_at", Arc::new(computed)),
        ];
        batch(columns.into_iter().map(|(name, array)| (name.to_owned(), array)).collect()).map_err(|e| refused("kpi_values", &e))
    }
}

/// One cell with all that its row is made from.
struct CellOf<'a> {
    project: &'a Project,
    cells: &'a Cells,
    metric: &'a Metric,
    column: &'a Column,
    key: Key,
    period: Period,
}

impl CellOf<'_> {
    fn row(&self, as_of: DateTime<Utc>, hash: &str) -> Row {
        let calendar = &self.project.calendar;
        let value = self.column.cells.get(&self.key).copied().flatten();
        let part = |column: &Column| column.cells.get(&self.key).copied().flatten().map(|v| v.as_f64(column.kind));
        let parts = self.cells.parts.get(&self.metric.name);
        let denominator = parts.and_then(|(_, below)| part(below));
        let counted = self.cells.counts.get(&self.metric.name).and_then(|column| column.cells.get(&self.key).copied().flatten());
        Row {
            period_end: self.period.end.to_epoch_days(),
            value: value.map(|v| v.as_f64(self.column.kind)),
            amount: value.and_then(|v| amount(v, self.column.kind)),
            numerator: parts.and_then(|(above, _)| part(above)),
            denominator,
            n: counted.and_then(|v| if let Value::Int(n) = v { Some(n) } else { None }),
            unit: self.metric.meta.unit.clone(),
            additivity: self.metric.meta.additivity.clone(),
            status: self.status(value, denominator, as_of),
            previous: self.at(calendar.previous(self.period)),
            previous_year: calendar.same_last_year(self.period).and_then(|p| self.at(p)),
            definition_hash: hash.to_owned(),
        }
    }

    /// The value of the same slice row in another period.
    fn at(&self, period: Period) -> Option<f64> {
        let key = Key { period: period.start.to_epoch_days(), ..self.key };
        self.column.cells.get(&key).copied().flatten().map(|v| v.as_f64(self.column.kind))
    }

    /// `unavailable` where the lake lacks a column; `incomplete` until the period has ended and its rows had time to mature; then why there is no value, or `ok`.
    fn status(&self, value: Option<Value>, denominator: Option<f64>, as_of: DateTime<Utc>) -> &'static str {
        if self.cells.withheld.contains(&self.metric.name) {
            return "unavailable";
        }
        let grace = Days::new(self.project.mature_after(self.metric).unwrap_or(0).into());
        let final_day = self.period.end.checked_add_days(grace).unwrap_or(self.period.end);
        if self.project.calendar.start_instant(final_day) > as_of {
            return "incomplete";
        }
        match (value, &self.metric.kind) {
            (Some(_), _) => "ok",
            (None, MetricKind::Ratio { .. }) if denominator == Some(0.0) => "zero_denominator",
            (None, _) => "no_data",
        }
    }
}

/// A decimal at the scale of `amount`; `None` for counts and doubles, and where digits would be lost.
fn amount(value: Value, kind: Kind) -> Option<i128> {
    let (Value::Decimal(unscaled), Kind::Decimal(scale)) = (value, kind) else { return None };
    let more = u32::try_from(AMOUNT_SCALE.checked_sub(scale)?).ok()?;
    unscaled.checked_mul(10i128.checked_pow(more)?)
}
