//! The totals of the last complete month: what a person looks at first.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use chrono::{DateTime, Utc};
use quotient_metrics::{BaseGrouping, Cells, Key};
use quotient_model::{Grain, Period, Project};

use crate::error::JobError;
use crate::results::{batch, refused};

/// The totals as they gather, table by table.
pub(crate) struct Headline<'a> {
    project: &'a Project,
    month: Period,
    before: Period,
    values: BTreeMap<String, Shown>,
}

/// A metric's value in the month, and in the month before.
struct Shown {
    value: Option<f64>,
    previous: Option<f64>,
}

impl<'a> Headline<'a> {
    /// A headline without values.
    pub(crate) fn new(project: &'a Project, as_of: DateTime<Utc>) -> Self {
        let calendar = &project.calendar;
        let this = calendar.period(Grain::Month, calendar.day_of(as_of));
        let month = if calendar.is_complete(this, as_of) { this } else { calendar.previous(this) };
        Self { project, month, before: calendar.previous(month), values: BTreeMap::new() }
    }

    /// The periods whose totals it shows.
    pub(crate) fn periods(&self) -> [Period; 2] {
        [self.before, self.month]
    }

    /// Adds the totals of a table; a metric keeps those of the first.
    pub(crate) fn add(&mut self, found: &Cells) {
        let total = BaseGrouping { grain: Some(Grain::Month), slice: Vec::new() };
        let Some(grouping) = found.grid.index_of(&total) else { return };
        for (name, column) in &found.metrics {
            let at = |period: Period| {
                let first = Key { grouping, period: period.start.to_epoch_days(), member: 0 };
                let last = Key { member: u32::MAX, ..first };
                column.cells.first_between(first, last).flatten().map(|value| value.as_f64(column.kind))
            };
            self.values.entry(name.clone()).or_insert(Shown { value: at(self.month), previous: at(self.before) });
        }
    }

    /// Adds the totals of another headline of the same month; a metric keeps those that it has.
    pub(crate) fn add_all(&mut self, other: Self) {
        for (name, shown) in other.values {
            self.values.entry(name).or_insert(shown);
        }
    }

    /// Metric, label, unit, value, previous; in the order of the project.
    pub(crate) fn into_batch(self) -> Result<RecordBatch, JobError> {
        let metrics: Vec<_> = self.project.metrics.values().filter(|m| self.values.contains_key(&m.name)).collect();
        let text = |texts: Vec<&str>| -> ArrayRef { Arc::new(StringArray::from_iter_values(texts)) };
        let value = |pick: fn(&Shown) -> Option<f64>| -> ArrayRef { Arc::new(metrics.iter().map(|m| self.values.get(&m.name).and_then(pick)).collect::<Float64Array>()) };
        let month = self.project.calendar.label(self.month);
        batch(vec![
            ("month".to_owned(), text(metrics.iter().map(|_| month.as_str()).collect())),
            ("metric".to_owned(), text(metrics.iter().map(|m| m.name.as_str()).collect())),
            ("label".to_owned(), text(metrics.iter().map(|m| m.label.as_str()).collect())),
            ("unit".to_owned(), text(metrics.iter().map(|m| m.meta.unit.as_str()).collect())),
            ("value".to_owned(), value(|v| v.value)),
            ("previous".to_owned(), value(|v| v.previous)),
        ])
        .map_err(|e| refused("headline", &e))
    }
}
