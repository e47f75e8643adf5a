//! Cells as a job's table: one row per grain, period and slice row, one column per metric.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use arrow::error::ArrowError;
use chrono::{DateTime, NaiveDate, Utc};
use quotient_metrics::{Cells, Key, all_keys, metric_array};
use quotient_model::{Calendar, JobTable, Period};

use crate::days::Days;
use crate::error::JobError;
use crate::workspace::Workspace;

/// The name of a slice in the results: its dimensions, or `total`.
pub(crate) fn slice_name(slice: &[String]) -> String {
    if slice.is_empty() { "total".to_owned() } else { slice.join(", ") }
}

/// The period of a cell; `None` for a cell without one.
pub(crate) fn period_of(calendar: &Calendar, cells: &Cells, key: Key) -> Option<Period> {
    let grain = cells.grid.grouping(key)?.grain?;
    Some(calendar.period(grain, NaiveDate::from_epoch_days(key.period)?))
}

/// Which periods are shown.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// Those that end after this day.
    pub(crate) after: i32,
    /// Those all of whose days, as far as they have begun, are among these.
    pub(crate) covered: Vec<Days>,
    /// The day after the last that has begun.
    pub(crate) tomorrow: i32,
}

impl Shown {
    /// Whether a period is shown.
    pub(crate) fn shows(&self, period: Period) -> bool {
        let (start, end) = (period.start.to_epoch_days(), period.end.to_epoch_days());
        end > self.after && self.covered.iter().any(|days| days.holds(start, end.min(self.tomorrow)))
    }

    /// The keys of periods that are shown.
    pub(crate) fn of(&self, calendar: &Calendar, cells: &Cells, keys: &[Key]) -> Vec<Key> {
        if self.after == i32::MIN && self.covered == [Days::ALL] {
            return keys.to_vec();
        }
        keys.iter().copied().filter(|key| period_of(calendar, cells, *key).is_none_or(|period| self.shows(period))).collect()
    }
}

/// The cells that a job's table asks for, without those that only served other cells.
///
/// The first groupings are those that the table asks for.
pub(crate) fn asked_keys(table: &JobTable, cells: &Cells) -> Vec<Key> {
    let asked = table.slices.len() * table.grains.len();
    let mut keys = all_keys(cells.metrics.iter().map(|(_, column)| &column.cells));
    keys.retain(|key| usize::from(key.grouping) < asked);
    keys
}

/// The table of a job.
///
/// Columns: grain, slice, `period_start`, `period_end` (the day after the last), `is_complete`, the dimensions of all slices (null where a slice
/// does not have them), the metrics.
pub(crate) fn table(workspace: &Workspace, table: &JobTable, cells: &Cells, keys: &[Key]) -> Result<RecordBatch, JobError> {
    let project = &workspace.project;
    let mut columns: Vec<(String, ArrayRef)> = frame_columns(&project.calendar, cells, keys, workspace.as_of);
    let mut dimensions: Vec<&String> = Vec::new();
    for item in table.slices.iter().flatten() {
        if !dimensions.contains(&item) {
            dimensions.push(item);
        }
    }
    for dimension in dimensions {
        let texts = keys.iter().map(|key| {
            let at = cells.grid.grouping(*key)?.slice.iter().position(|item| item == dimension)?;
            cells.grid.member(*key).get(at).map(String::as_str)
        });
        columns.push((dimension.clone(), Arc::new(texts.collect::<StringArray>())));
    }
    for (name, column) in &cells.metrics {
        let column = cells.filled(project, name, column, keys);
        columns.push((name.clone(), metric_array(&column, keys, name).map_err(JobError::Metrics)?));
    }
    batch(columns).map_err(|e| refused(&table.name, &e))
}

fn frame_columns(calendar: &Calendar, cells: &Cells, keys: &[Key], as_of: DateTime<Utc>) -> Vec<(String, ArrayRef)> {
    let periods: Vec<Option<Period>> = keys.iter().map(|key| period_of(calendar, cells, *key)).collect();
    let grains: StringArray = periods.iter().map(|p| p.map(|p| p.grain.name())).collect();
    let slices = StringArray::from_iter_values(keys.iter().map(|key| cells.grid.grouping(*key).map_or_else(String::new, |g| slice_name(&g.slice))));
    let starts: Date32Array = periods.iter().map(|p| p.map(|p| p.start.to_epoch_days())).collect();
    let ends: Date32Array = periods.iter().map(|p| p.map(|p| p.end.to_epoch_days())).collect();
    let complete: BooleanArray = periods.iter().map(|p| p.map(|p| calendar.is_complete(p, as_of))).collect();
    vec![
        ("grain".to_owned(), Arc::new(grains)),
        ("slice".to_owned(), Arc::new(slices)),
        ("period_start".to_owned(), Arc::new(starts)),
        ("period_end".to_owned(), Arc::new(ends)),
        ("is_complete".to_owned(), Arc::new(complete)),
    ]
}

/// Named columns as a batch in which every column may be null.
pub(crate) fn batch(columns: Vec<(String, ArrayRef)>) -> Result<RecordBatch, ArrowError> {
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().map(|(name, array)| (Field::new(name, array.data_type().clone(), true), array)).unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// Arrow refused columns of ours: a fault of this program.
pub(crate) fn refused(table: &str, error: &ArrowError) -> JobError {
    JobError::Metrics(quotient_metrics::MetricsError::Bridge { column: table.to_owned(), reason: error.to_string() })
}
