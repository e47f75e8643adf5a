//! Cells as a job's table: one row per grain, period and slice row, one column per metric.

use std::iter::repeat_n;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, DictionaryArray, RecordBatch};
use arrow::datatypes::{Field, Int32Type, Schema};
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

/// The keys of one period of one grouping, which follow each other.
pub(crate) struct Stretch<'a> {
    /// `None` for cells without one.
    pub(crate) period: Option<Period>,
    pub(crate) slice: &'a [String],
    pub(crate) keys: &'a [Key],
}

/// Ascending keys by grouping and period.
pub(crate) fn stretches<'a>(calendar: &'a Calendar, cells: &'a Cells, keys: &'a [Key]) -> impl Iterator<Item = Stretch<'a>> {
    keys.chunk_by(|a, b| (a.grouping, a.period) == (b.grouping, b.period)).map(|keys| {
        let grouping = cells.grid.grouping(keys[0]);
        let period = grouping.and_then(|grouping| Some(calendar.period(grouping.grain?, NaiveDate::from_epoch_days(keys[0].period)?)));
        Stretch { period, slice: grouping.map_or(&[], |grouping| grouping.slice.as_slice()), keys }
    })
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
        let shown = stretches(calendar, cells, keys).filter(|stretch| stretch.period.is_none_or(|period| self.shows(period)));
        shown.flat_map(|stretch| stretch.keys).copied().collect()
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
        let texts = stretches(&project.calendar, cells, keys).flat_map(|stretch| {
            let at = stretch.slice.iter().position(|item| item == dimension);
            stretch.keys.iter().map(move |key| cells.grid.member(*key).get(at?).map(String::as_str))
        });
        columns.push((dimension.clone(), coded(texts)));
    }
    for (name, column) in &cells.metrics {
        let column = cells.filled(project, name, column, keys);
        columns.push((name.clone(), metric_array(&column, keys, name).map_err(JobError::Metrics)?));
    }
    batch(columns).map_err(|e| refused(&table.name, &e))
}

fn frame_columns(calendar: &Calendar, cells: &Cells, keys: &[Key], as_of: DateTime<Utc>) -> Vec<(String, ArrayRef)> {
    let stretches: Vec<Stretch<'_>> = stretches(calendar, cells, keys).collect();
    let names: Vec<String> = stretches.iter().map(|stretch| slice_name(stretch.slice)).collect();
    let slices = coded(stretches.iter().zip(&names).flat_map(|(stretch, name)| repeat_n(Some(name.as_str()), stretch.keys.len())));
    let grains = coded(of_periods(&stretches, |period| period.grain.name()));
    let starts: Date32Array = of_periods(&stretches, |period| period.start.to_epoch_days()).collect();
    let ends: Date32Array = of_periods(&stretches, |period| period.end.to_epoch_days()).collect();
    let complete: BooleanArray = of_periods(&stretches, |period| calendar.is_complete(period, as_of)).collect();
    vec![
        ("grain".to_owned(), grains),
        ("slice".to_owned(), slices),
        ("period_start".to_owned(), Arc::new(starts)),
        ("period_end".to_owned(), Arc::new(ends)),
        ("is_complete".to_owned(), Arc::new(complete)),
    ]
}

/// What a period has, for each of its keys.
fn of_periods<T: Copy>(stretches: &[Stretch<'_>], of: impl Fn(Period) -> T) -> impl Iterator<Item = Option<T>> {
    stretches.iter().flat_map(move |stretch| repeat_n(stretch.period.map(&of), stretch.keys.len()))
}

/// Texts as codes: many rows have few of them.
fn coded<'t>(texts: impl Iterator<Item = Option<&'t str>>) -> ArrayRef {
    Arc::new(texts.collect::<DictionaryArray<Int32Type>>())
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
