//! The group-bys of a query as columns of its answer.
//!
//! In: items such as `metric_time__month`, `deal__created_at__week` and `customer`. Out: the grain and the slice that cells are asked for,
//! and for every item the column that it becomes: periods as dates, date parts as whole numbers, all else as text.
//!
//! Cells have one grain: the finest of `metric_time`. What each of its periods has one value of is computed from the period;
//! the rest, such as the year of a week, is taken from the day of each row.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Date32Array, Int64Array, StringArray};
use arrow::datatypes::Field;
use chrono::{Datelike, NaiveDate};
use quotient_model::{Calendar, DatePart, Grain, Metric, MetricKind, Offset, Project, TimePart, facts_of, inputs_of, quoted, resolve_item};

use crate::cells::Key;
use crate::derive::Cells;
use crate::engine::NONE;
use crate::error::MetricsError;
use crate::periods::known_grain;
use crate::time_item::part_of_day;

/// The name of the time that metrics are counted by.
const METRIC_TIME: &str = "metric_time";

/// The group-bys of a query.
pub(crate) struct GroupColumns {
    /// The grain of the cells.
    pub(crate) grain: Option<Grain>,
    /// The items of the slice of the cells.
    pub(crate) slice: Vec<String>,
    columns: Vec<GroupColumn>,
}

struct GroupColumn {
    /// The item as it was asked for.
    asked: String,
    /// The item with its granularity: the name of the column.
    name: String,
    /// What is shown of a time; `None` of anything else.
    part: Option<TimePart>,
    /// Whether the item says something of `metric_time`.
    is_metric_time: bool,
    /// Where it is in the slice; `None` where it is computed from the period.
    at: Option<usize>,
}

impl GroupColumns {
    /// Reads group-bys; one that is there twice is one column.
    ///
    /// # Errors
    /// Granularities that the project does not have; a time that a metric cannot be grouped by, as its values move in time.
    pub(crate) fn new(project: &Project, metrics: &[String], group_by: &[String]) -> Result<Self, MetricsError> {
        let mut columns: Vec<GroupColumn> = Vec::new();
        for item in group_by {
            let column = read(project, metrics, item)?;
            if columns.iter().all(|known| known.name != column.name) {
                columns.push(column);
            }
        }
        let grain = finest(&columns);
        let mut slice: Vec<String> = Vec::new();
        for column in &mut columns {
            if column.is_metric_time && column.part.is_some_and(|part| grain.is_some_and(|grain| has_one(grain, part))) {
                continue;
            }
            column.at = Some(slice.len());
            slice.push(column.name.clone());
        }
        let found = Self { grain, slice, columns };
        found.refuse_moving(project, metrics)?;
        Ok(found)
    }

    /// How many columns there are.
    pub(crate) fn count(&self) -> usize {
        self.columns.len()
    }

    /// The name of the column that an item became; the item itself where it is none.
    pub(crate) fn name_of<'n>(&'n self, item: &'n str) -> &'n str {
        self.columns.iter().find(|column| column.asked == item).map_or(item, |column| column.name.as_str())
    }

    /// The columns of the answer, a row for each key.
    pub(crate) fn arrays(&self, project: &Project, found: &Cells, keys: &[Key]) -> Vec<(Field, ArrayRef)> {
        self.columns.iter().map(|column| column.array(project, found, keys)).collect()
    }

    /// The columns of the answer over rows of cells: name and SQL, in which `metric_time` is the period and every item of the slice its text.
    pub(crate) fn sql(&self, calendar: &Calendar) -> Vec<(String, String)> {
        self.columns.iter().map(|column| (column.name.clone(), column.sql(calendar))).collect()
    }

    /// A value that comes from other days cannot be grouped by what the row's own day says.
    fn refuse_moving(&self, project: &Project, metrics: &[String]) -> Result<(), MetricsError> {
        let Some((grain, column)) = self.grain.zip(self.columns.iter().find(|column| column.is_metric_time && column.at.is_some())) else { return Ok(()) };
        let moving = metrics.iter().filter_map(|name| project.metrics.get(name)).find(|metric| moves(project, metric, &mut BTreeSet::new()));
        moving.map_or(Ok(()), |metric| {
            Err(MetricsError::Group {
                metric: metric.name.clone(),
                message: format!("a cumulative metric or one with an offset has no value by `{}` beside periods of `{grain}`, which may belong to several", column.name),
            })
        })
    }
}

impl GroupColumn {
    fn array(&self, project: &Project, found: &Cells, keys: &[Key]) -> (Field, ArrayRef) {
        let text = |key: &Key| self.at.and_then(|at| found.grid.member(*key).get(at)).map_or("", String::as_str);
        let from_slice = self.at.is_some();
        let array: ArrayRef = match self.part {
            None => Arc::new(StringArray::from_iter_values(keys.iter().map(text))),
            Some(TimePart::Grain(_)) if from_slice => {
                let day = |key: &Key| text(key).parse::<NaiveDate>().ok().map(|date| date.to_epoch_days());
                Arc::new(keys.iter().map(day).collect::<Date32Array>())
            }
            Some(TimePart::Grain(grain)) => {
                let start = |key: &Key| NaiveDate::from_epoch_days(key.period).map(|date| project.calendar.start_of(grain, date).to_epoch_days());
                Arc::new(keys.iter().map(start).collect::<Date32Array>())
            }
            Some(TimePart::Number(_)) if from_slice => Arc::new(keys.iter().map(|key| text(key).parse::<i64>().ok()).collect::<Int64Array>()),
            Some(TimePart::Number(part)) => {
                let value = |key: &Key| NaiveDate::from_epoch_days(key.period).map(|date| number(part, date));
                Arc::new(keys.iter().map(value).collect::<Int64Array>())
            }
        };
        // A period always is; a time of the rows may be missing, and a missing text is `(none)`.
        (Field::new(&self.name, array.data_type().clone(), from_slice && self.part.is_some()), array)
    }
}

impl GroupColumn {
    /// What [`Self::array`] computes, as SQL.
    fn sql(&self, calendar: &Calendar) -> String {
        let text = quoted(&self.name);
        match (self.part, self.at) {
            (None, _) => text,
            (Some(TimePart::Grain(_)), Some(_)) => format!("CAST(NULLIF({text}, '{NONE}') AS DATE)"),
            (Some(TimePart::Number(_)), Some(_)) => format!("CAST(NULLIF({text}, '{NONE}') AS BIGINT)"),
            (Some(part @ TimePart::Grain(_)), None) => format!("CAST({} AS DATE)", part_of_day(calendar, part, &quoted(METRIC_TIME))),
            (Some(part @ TimePart::Number(_)), None) => format!("CAST({} AS BIGINT)", part_of_day(calendar, part, &quoted(METRIC_TIME))),
        }
    }
}

/// One group-by. A time without a granularity is shown by its days.
fn read(project: &Project, metrics: &[String], item: &str) -> Result<GroupColumn, MetricsError> {
    let rest = item.strip_prefix(METRIC_TIME).filter(|rest| rest.is_empty() || rest.starts_with("__"));
    if let Some(rest) = rest {
        let word = rest.strip_prefix("__").unwrap_or(Grain::Day.name());
        let part = match word.strip_prefix("extract_").and_then(DatePart::parse) {
            Some(part) => TimePart::Number(part),
            None => TimePart::Grain(known_grain(project, word)?),
        };
        return Ok(GroupColumn { asked: item.to_owned(), name: format!("{METRIC_TIME}__{part}"), part: Some(part), is_metric_time: true, at: None });
    }
    // What the item means for a fact that does not have it is reported when its rows are made.
    let facts: Vec<&str> = metrics.iter().filter_map(|name| project.metrics.get(name)).flat_map(|metric| facts_of(project, metric)).collect();
    let found = facts.into_iter().find_map(|fact| resolve_item(project, fact, item).ok());
    let bare = found.as_ref().is_some_and(quotient_model::GroupItem::is_bare_time);
    let part = if bare { Some(TimePart::Grain(Grain::Day)) } else { found.and_then(|found| found.part) };
    let name = if bare { format!("{item}__{}", Grain::Day) } else { item.to_owned() };
    Ok(GroupColumn { asked: item.to_owned(), name, part, is_metric_time: false, at: None })
}

/// The grain of `metric_time` that the most others can be computed from; of equal ones the finer.
fn finest(columns: &[GroupColumn]) -> Option<Grain> {
    let parts = columns.iter().filter(|column| column.is_metric_time).filter_map(|column| column.part);
    let grains: BTreeSet<Grain> = parts.filter_map(|part| if let TimePart::Grain(grain) = part { Some(grain) } else { None }).collect();
    grains.iter().copied().max_by_key(|grain| (grains.iter().filter(|other| grain.is_part_of(**other)).count(), Reverse(*grain)))
}

/// Whether every period of a grain has one value of a part.
fn has_one(grain: Grain, part: TimePart) -> bool {
    match part {
        TimePart::Grain(coarser) => grain.is_part_of(coarser),
        TimePart::Number(part) => grain.is_part_of(part.grain()),
    }
}

/// Whether a metric shows at a period what rows of other days say.
fn moves<'a>(project: &'a Project, metric: &'a Metric, seen: &mut BTreeSet<&'a str>) -> bool {
    if !seen.insert(&metric.name) {
        return false;
    }
    let inputs = inputs_of(metric);
    matches!(metric.kind, MetricKind::Cumulative { .. })
        || inputs.iter().any(|input| input.offset != Offset::None)
        || inputs.iter().filter_map(|input| project.metrics.get(&input.metric)).any(|inner| moves(project, inner, seen))
}

fn number(part: DatePart, date: NaiveDate) -> i64 {
    match part {
        DatePart::Year => date.year().into(),
        DatePart::Quarter => (date.month0() / 3 + 1).into(),
        DatePart::Month => date.month().into(),
        DatePart::Day => date.day().into(),
        DatePart::DayOfWeek => date.weekday().number_from_monday().into(),
        DatePart::DayOfYear => date.ordinal().into(),
    }
}
