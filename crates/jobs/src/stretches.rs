//! Which periods are computed for touched days, and the days of the rows that their cells are made from.
//!
//! In: touched days, the days that are known afterwards. Out: whole periods of every grain of a request, put together where they meet.
//! A period of which some days stay unknown is not shown, and not computed: of a backfill by month, each month costs a month.

use chrono::NaiveDate;
use quotient_metrics::BaseRequest;
use quotient_model::{Calendar, Grain, Period};

use crate::days::{Days, joined};

/// What is computed of a request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Touching {
    /// The days whose cells are stale or missing.
    pub(crate) days: Vec<Days>,
    /// The days that are known afterwards.
    pub(crate) known: Vec<Days>,
    /// The day after the last that has begun.
    pub(crate) tomorrow: i32,
}

impl Touching {
    /// Whether the cells of a period are computed.
    pub(crate) fn takes(&self, period: Period) -> bool {
        let (start, end) = (period.start.to_epoch_days(), period.end.to_epoch_days());
        let is_touched = self.days.iter().any(|days| days.meets(start, end));
        // What lies ahead is known as far as it will be.
        is_touched && (start >= self.tomorrow || self.known.iter().any(|days| days.holds(start, end.min(self.tomorrow))))
    }

    /// Whether the cells of a grain are computed at the first day of a period; those without a period always are.
    pub(crate) fn takes_at(&self, calendar: &Calendar, grain: Option<Grain>, day: i32) -> bool {
        grain.zip(NaiveDate::from_epoch_days(day)).is_none_or(|(grain, day)| self.takes(calendar.period(grain, day)))
    }

    /// The days of the rows that cells of a request are made from.
    pub(crate) fn stretches(&self, calendar: &Calendar, request: &BaseRequest<'_>) -> Vec<Days> {
        let grains: Vec<Grain> = request.groupings.iter().filter_map(|grouping| grouping.grain).collect();
        joined(self.days.iter().map(|days| self.around(calendar, *days, &grains)))
    }

    fn around(&self, calendar: &Calendar, days: Days, grains: &[Grain]) -> Days {
        let mut stretch = days;
        let (first, last) = (NaiveDate::from_epoch_days(days.from), days.to.checked_sub(1).filter(|_| days.to != i32::MAX).and_then(NaiveDate::from_epoch_days));
        for day in first.into_iter().chain(last) {
            for period in grains.iter().map(|grain| calendar.period(*grain, day)).filter(|period| self.takes(*period)) {
                stretch.from = stretch.from.min(period.start.to_epoch_days());
                stretch.to = stretch.to.max(period.end.to_epoch_days());
            }
        }
        stretch
    }
}
