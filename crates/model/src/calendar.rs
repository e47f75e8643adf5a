//! The calendar of a project: which period a day belongs to, and where its neighbours are.
//!
//! In: a time zone, a week start, a fiscal year start. Out: periods, half-open `[start, end)`, and the instants that bound them.
//! It never asks for the time: as-of is always an argument.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;

use crate::grain::Grain;

/// The calendar of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The time zone that says which day an instant belongs to.
    pub zone: Tz,
    /// The first day of a week.
    pub week_start: Weekday,
    /// The first month of a fiscal year, 1 to 12.
    pub fiscal_year_start: u32,
}

/// A stretch of whole days of one grain, `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// The grain.
    pub grain: Grain,
    /// The first day.
    pub start: NaiveDate,
    /// The day after the last.
    pub end: NaiveDate,
}

impl Default for Calendar {
    fn default() -> Self {
        Self { zone: Tz::UTC, week_start: Weekday::Mon, fiscal_year_start: 1 }
    }
}

impl Calendar {
    /// The period of a grain that a day belongs to.
    ///
    /// ```
    /// use quotient_model::{Calendar, Grain};
    /// let day = chrono::NaiveDate::from_ymd_opt(2024, 12, 31).unwrap();
    /// let week = Calendar::default().period(Grain::Week, day);
    /// assert_eq!(week.start.to_string(), "2024-12-30");
    /// assert_eq!(week.end.to_string(), "2025-01-06");
    /// ```
    #[must_use]
    pub fn period(&self, grain: Grain, day: NaiveDate) -> Period {
        let start = self.start_of(grain, day);
        Period { grain, start, end: after(grain, start) }
    }

    /// The first day of the period of a grain that a day belongs to.
    #[must_use]
    pub fn start_of(&self, grain: Grain, day: NaiveDate) -> NaiveDate {
        let first_of_month = |month0: u32| day.with_day(1).and_then(|d| d.with_month0(month0)).unwrap_or(day);
        match grain {
            Grain::Day => day,
            Grain::Week => {
                let into = day.weekday().days_since(self.week_start);
                day.checked_sub_days(Days::new(into.into())).unwrap_or(day)
            }
            Grain::Month => first_of_month(day.month0()),
            Grain::Quarter => first_of_month(day.month0() / 3 * 3),
            Grain::Year => first_of_month(0),
        }
    }

    /// The period just before one.
    #[must_use]
    pub fn previous(&self, period: Period) -> Period {
        self.period(period.grain, period.start.pred_opt().unwrap_or(period.start))
    }

    /// The period just after one.
    #[must_use]
    pub fn next(&self, period: Period) -> Period {
        self.period(period.grain, period.end)
    }

    /// The period with the same ordinal in the year before.
    ///
    /// Months, quarters, years: the same one a year earlier.
    /// A day: the same date; 29 February has none.
    /// A week: the same number in the week-year before (the year that holds the week's fourth day); week 53 may have none.
    #[must_use]
    pub fn same_last_year(&self, period: Period) -> Option<Period> {
        match period.grain {
            Grain::Day => {
                let day = period.start.with_year(period.start.year() - 1)?;
                Some(self.period(Grain::Day, day))
            }
            Grain::Week => {
                let (year, number) = self.week_number(period.start);
                let first = self.first_week(year - 1)?;
                let start = first.checked_add_days(Days::new(u64::from(number - 1) * 7))?;
                let found = self.period(Grain::Week, start);
                (self.week_number(found.start) == (year - 1, number)).then_some(found)
            }
            Grain::Month | Grain::Quarter | Grain::Year => {
                let start = period.start.checked_sub_months(Months::new(12))?;
                Some(self.period(period.grain, start))
            }
        }
    }

    /// The week-year and the number from 1 of the week that a day belongs to.
    ///
    /// A week belongs to the year of its fourth day; with Monday as week start these are the ISO 8601 numbers.
    #[must_use]
    pub fn week_number(&self, day: NaiveDate) -> (i32, u32) {
        let start = self.start_of(Grain::Week, day);
        let fourth = start.checked_add_days(Days::new(3)).unwrap_or(start);
        (fourth.year(), fourth.ordinal0() / 7 + 1)
    }

    fn first_week(&self, year: i32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year, 1, 4).map(|fourth| self.start_of(Grain::Week, fourth))
    }

    /// The fiscal year and quarter of a day; a fiscal year is named by the calendar year in which it ends.
    #[must_use]
    pub fn fiscal_quarter(&self, day: NaiveDate) -> (i32, u32) {
        let shift = self.fiscal_year_start - 1;
        let into = (day.month0() + 12 - shift) % 12;
        let begins = if day.month0() >= shift { day.year() } else { day.year() - 1 };
        let year = if shift == 0 { begins } else { begins + 1 };
        (year, into / 3 + 1)
    }

    /// The periods of a grain that touch the days `[from, to)`, in order.
    #[must_use]
    pub fn periods(&self, grain: Grain, from: NaiveDate, to: NaiveDate) -> Vec<Period> {
        let mut list = Vec::new();
        let mut period = self.period(grain, from);
        while period.start < to {
            list.push(period);
            period = self.next(period);
        }
        list
    }

    /// The local day of an instant.
    #[must_use]
    pub fn day_of(&self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.zone).date_naive()
    }

    /// The last local day that has begun before as-of: at midnight sharp, the day that ends.
    #[must_use]
    pub fn last_day_before(&self, as_of: DateTime<Utc>) -> NaiveDate {
        self.day_of(as_of - chrono::TimeDelta::microseconds(1))
    }

    /// The instant at which a local day starts.
    ///
    /// Where a clock change skips midnight, the first instant after the gap; where midnight comes twice, the first.
    #[must_use]
    pub fn start_instant(&self, day: NaiveDate) -> DateTime<Utc> {
        let mut wall = day.and_time(NaiveTime::MIN);
        for _ in 0..96 {
            if let Some(local) = self.zone.from_local_datetime(&wall).earliest() {
                return local.with_timezone(&Utc);
            }
            wall += chrono::TimeDelta::minutes(15);
        }
        Utc.from_utc_datetime(&day.and_time(NaiveTime::MIN))
    }

    /// Whether a period has ended at as-of.
    #[must_use]
    pub fn is_complete(&self, period: Period, as_of: DateTime<Utc>) -> bool {
        self.start_instant(period.end) <= as_of
    }

    /// The share of a period that has passed at as-of, 0 to 1, by elapsed time: a day of a clock change has 23 or 25 hours.
    #[must_use]
    pub fn elapsed_share(&self, period: Period, as_of: DateTime<Utc>) -> f64 {
        let start = self.start_instant(period.start);
        let whole = seconds(self.start_instant(period.end) - start);
        (seconds(as_of - start) / whole).clamp(0.0, 1.0)
    }
}

impl Period {
    /// Whether a day lies in the period.
    #[must_use]
    pub fn contains(&self, day: NaiveDate) -> bool {
        self.start <= day && day < self.end
    }

    /// The last day.
    #[must_use]
    pub fn last_day(&self) -> NaiveDate {
        self.end.pred_opt().unwrap_or(self.end)
    }

    /// A short name: `2024-03-05`, `2024-W10`'s first day, `2024-03`, `2024-Q1`, `2024`.
    #[must_use]
    pub fn label(&self) -> String {
        match self.grain {
            Grain::Day | Grain::Week => self.start.to_string(),
            Grain::Month => self.start.format("%Y-%m").to_string(),
            Grain::Quarter => format!("{}-Q{}", self.start.year(), self.start.month0() / 3 + 1),
            Grain::Year => self.start.year().to_string(),
        }
    }
}

fn after(grain: Grain, start: NaiveDate) -> NaiveDate {
    let end = match grain {
        Grain::Day => start.checked_add_days(Days::new(1)),
        Grain::Week => start.checked_add_days(Days::new(7)),
        Grain::Month => start.checked_add_months(Months::new(1)),
        Grain::Quarter => start.checked_add_months(Months::new(3)),
        Grain::Year => start.checked_add_months(Months::new(12)),
    };
    end.unwrap_or(NaiveDate::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a year fit a double exactly")]
fn seconds(delta: chrono::TimeDelta) -> f64 {
    delta.num_seconds() as f64
}

#[cfg(test)]
mod tests {
    use super::{Calendar, Period};
    use crate::grain::Grain;
    use chrono::{DateTime, NaiveDate, Utc, Weekday};

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn berlin() -> Calendar {
        Calendar { zone: chrono_tz::Europe::Berlin, ..Calendar::default() }
    }

    #[test]
    fn day_of_an_instant_is_local() {
        assert_eq!(berlin().day_of(instant("2024-03-30T23:30:00Z")), day("2024-03-31"));
        assert_eq!(Calendar::default().day_of(instant("2024-03-30T23:30:00Z")), day("2024-03-30"));
    }

    #[test]
    fn at_midnight_sharp_the_new_day_has_not_begun() {
        assert_eq!(berlin().last_day_before(instant("2024-06-30T22:00:00Z")), day("2024-06-30"));
        assert_eq!(berlin().last_day_before(instant("2024-06-30T22:00:01Z")), day("2024-07-01"));
    }

    #[test]
    fn days_of_clock_changes_have_23_and_25_hours() {
        let hours = |d: &str| {
            let p = berlin().period(Grain::Day, day(d));
            (berlin().start_instant(p.end) - berlin().start_instant(p.start)).num_hours()
        };
        assert_eq!((hours("2024-03-31"), hours("2024-10-27"), hours("2024-06-01")), (23, 25, 24));
    }

    #[test]
    fn midnight_that_a_clock_change_skips_starts_after_the_gap() {
        let cairo = Calendar { zone: chrono_tz::Africa::Cairo, ..Calendar::default() };
        // 2024-04-26 00:00 does not exist in Cairo: clocks go to 01:00 at once.
        assert_eq!(cairo.start_instant(day("2024-04-26")), instant("2024-04-25T22:00:00Z"));
    }

    #[test]
    fn weeks_cross_years() {
        let calendar = berlin();
        assert_eq!(calendar.period(Grain::Week, day("2025-01-01")).start, day("2024-12-30"));
        assert_eq!(calendar.week_number(day("2024-12-30")), (2025, 1));
        assert_eq!(calendar.week_number(day("2021-01-03")), (2020, 53));
        let sunday = Calendar { week_start: Weekday::Sun, ..berlin() };
        assert_eq!(sunday.period(Grain::Week, day("2025-01-01")).start, day("2024-12-29"));
    }

    #[test]
    fn same_period_last_year_goes_by_ordinal() {
        let calendar = berlin();
        let last_year = |grain, d: &str| calendar.same_last_year(calendar.period(grain, day(d))).map(|p| p.start);
        assert_eq!(last_year(Grain::Month, "2024-03-10"), Some(day("2023-03-01")));
        assert_eq!(last_year(Grain::Day, "2025-02-28"), Some(day("2024-02-28")));
        assert_eq!(last_year(Grain::Day, "2024-02-29"), None);
        assert_eq!(last_year(Grain::Week, "2021-01-04"), Some(day("2019-12-30")));
        assert_eq!(last_year(Grain::Week, "2020-12-28"), None);
    }

    #[test]
    fn previous_and_next_are_neighbours() {
        let calendar = berlin();
        for grain in Grain::ALL {
            let period = calendar.period(grain, day("2024-03-31"));
            assert_eq!(calendar.previous(period).end, period.start);
            assert_eq!(calendar.next(period).start, period.end);
            assert!(period.contains(day("2024-03-31")) && !period.contains(period.end));
        }
    }

    #[test]
    fn fiscal_years_are_named_by_their_end() {
        let calendar = Calendar { fiscal_year_start: 4, ..berlin() };
        assert_eq!(calendar.fiscal_quarter(day("2024-03-31")), (2024, 4));
        assert_eq!(calendar.fiscal_quarter(day("2024-04-01")), (2025, 1));
        assert_eq!(berlin().fiscal_quarter(day("2024-12-31")), (2024, 4));
    }

    #[test]
    fn elapsed_share_is_by_time() {
        let calendar = berlin();
        let dst: Period = calendar.period(Grain::Day, day("2024-03-31"));
        // Local 13:00 on the short day: 12 of 23 hours have passed.
        let share = calendar.elapsed_share(dst, instant("2024-03-31T11:00:00Z"));
        assert!((share - 12.0 / 23.0).abs() < 1e-12);
        assert!(!calendar.is_complete(dst, instant("2024-03-31T21:59:59Z")));
        assert!(calendar.is_complete(dst, instant("2024-03-31T22:00:00Z")));
    }
}
