//! Which periods of base cells the cells of late periods take.
//!
//! In: metrics, grains, a day. Out: for every grain the first days of the periods that cells of periods that end after the day are made
//! from: their own, those that offsets and windows look back to, and those that a row of `kpi_values` names beside its own.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use quotient_model::{Calendar, Grain, MetricKind, Offset, Period, Project, Span, inputs_of};

use crate::cumulative::first_day;
use crate::derive::later;
use crate::error::MetricsError;
use crate::needs::find;

/// Whose cells are wanted.
#[derive(Debug, Clone)]
pub struct LateCells<'a> {
    /// The metrics.
    pub metrics: &'a [String],
    /// The grains that are shown.
    pub grains: &'a [Grain],
    /// Periods that end after this day are wanted.
    pub after: NaiveDate,
    /// Further periods that are wanted.
    pub beside: &'a [Period],
    /// The first day that any cell can be of, and the day after the last.
    pub history: (NaiveDate, NaiveDate),
}

/// The first days of the periods that are needed, by grain.
pub type PeriodsNeeded = BTreeMap<Grain, BTreeSet<i32>>;

/// The periods of base cells that late cells take; `None` where they may take any.
///
/// # Errors
/// Unknown metrics, and offsets without meaning at a grain.
pub fn periods_needed(project: &Project, wanted: &LateCells<'_>) -> Result<Option<PeriodsNeeded>, MetricsError> {
    let mut looks = LooksBack::default();
    for metric in wanted.metrics {
        looks.add(project, metric, 0)?;
    }
    if looks.everywhere {
        return Ok(None);
    }
    let calendar = &project.calendar;
    let (first, end) = wanted.history;
    let mut needed = PeriodsNeeded::new();
    for grain in wanted.grains {
        let history = calendar.periods(*grain, first, end);
        let beside = wanted.beside.iter().filter(|period| period.grain == *grain);
        let mut starts: BTreeSet<NaiveDate> = history.iter().filter(|period| period.end > wanted.after).chain(beside).map(|period| period.start).collect();
        for start in starts.clone() {
            let period = calendar.period(*grain, start);
            starts.insert(calendar.previous(period).start);
            starts.extend(calendar.same_last_year(period).map(|period| period.start));
        }
        for _ in 0..looks.depth {
            let mut before = BTreeSet::new();
            for period in history.iter().filter(|period| !starts.contains(&period.start)) {
                for (metric, offset) in &looks.offsets {
                    if later(calendar, *grain, period.start, *offset, find(project, metric)?)?.iter().any(|target| starts.contains(target)) {
                        before.insert(period.start);
                    }
                }
            }
            starts.extend(before);
        }
        if looks.takes_days {
            let days = needed.entry(Grain::Day).or_default();
            for start in &starts {
                days.extend(looks.days(calendar, calendar.period(*grain, *start), first));
            }
        }
        needed.entry(*grain).or_default().extend(starts.iter().map(NaiveDate::to_epoch_days));
    }
    Ok(Some(needed))
}

/// What metrics look back to.
#[derive(Default)]
struct LooksBack {
    /// Offsets, each with a metric that has it, for messages.
    offsets: Vec<(String, Offset)>,
    /// How many offsets follow each other at most.
    depth: usize,
    /// Windows of days.
    spans: Vec<Span>,
    /// Whether cells are made from those of days.
    takes_days: bool,
    /// Whether cells depend on all cells before them.
    everywhere: bool,
}

impl LooksBack {
    fn add(&mut self, project: &Project, name: &str, depth: usize) -> Result<(), MetricsError> {
        let metric = find(project, name)?;
        self.depth = self.depth.max(depth);
        self.takes_days |= metric.meta.like_for_like;
        match &metric.kind {
            // A spine begins with the first cell that there is.
            MetricKind::Simple(simple) => self.everywhere |= simple.join_to_timespine,
            MetricKind::Cumulative { span: Span::AllTime, .. } => self.everywhere = true,
            MetricKind::Cumulative { span, .. } => {
                self.takes_days = true;
                self.spans.push(*span);
            }
            MetricKind::Conversion(_) | MetricKind::Ratio { .. } | MetricKind::Derived { .. } => {}
        }
        for input in inputs_of(metric) {
            let looks = input.offset != Offset::None;
            if looks && !self.offsets.iter().any(|(_, known)| *known == input.offset) {
                self.offsets.push((name.to_owned(), input.offset));
            }
            self.add(project, &input.metric, depth + usize::from(looks))?;
        }
        Ok(())
    }

    /// The days that cells of a period are made from.
    fn days(&self, calendar: &Calendar, period: Period, first: NaiveDate) -> impl Iterator<Item = i32> {
        let from = self.spans.iter().map(|span| first_day(calendar, *span, period.start)).fold(period.start, NaiveDate::min);
        from.max(first).to_epoch_days()..period.end.to_epoch_days()
    }
}
