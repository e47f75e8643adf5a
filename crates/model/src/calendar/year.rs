//! Periods by their number in a year: week numbers, fiscal and retail numbers, and the same period of another year.

use chrono::{Datelike, Days, Months, NaiveDate};

use super::{Calendar, Period, RetailCalendar, start_of_week};
use crate::grain::Grain;

impl Calendar {
    /// The name of the year and the number from 1 in it of the period that a day belongs to.
    ///
    /// Days, months and quarters count in the calendar year, weeks as [`Self::week_number`] says, fiscal and retail grains in years of their own.
    /// A fiscal year is named by the calendar year in which it ends.
    /// A retail year is named by the calendar year in which most of its months lie, or in which it ends where these are six and six.
    ///
    /// ```
    /// use quotient_model::{Calendar, Grain};
    /// let day = chrono::NaiveDate::from_ymd_opt(2024, 2, 3).unwrap();
    /// assert_eq!(Calendar::default().ordinal(Grain::RetailWeek, day), (2023, 53));
    /// assert_eq!(Calendar::default().ordinal(Grain::Quarter, day), (2024, 1));
    /// ```
    #[must_use]
    pub fn ordinal(&self, grain: Grain, day: NaiveDate) -> (i32, u32) {
        let (fiscal_year, fiscal_month) = self.fiscal_month(day);
        let (retail_year, week) = self.retail.week_of_year(day);
        match grain {
            Grain::Day => (day.year(), day.ordinal()),
            Grain::Week => self.week_number(day),
            Grain::Month => (day.year(), day.month()),
            Grain::Quarter => (day.year(), day.month0() / 3 + 1),
            Grain::Year => (day.year(), 1),
            Grain::FiscalMonth => (fiscal_year, fiscal_month),
            Grain::FiscalQuarter => (fiscal_year, (fiscal_month - 1) / 3 + 1),
            Grain::FiscalYear => (fiscal_year, 1),
            Grain::RetailWeek => (retail_year, week + 1),
            Grain::RetailMonth => (retail_year, self.retail.month_of_week(week) + 1),
            Grain::RetailQuarter => (retail_year, RetailCalendar::quarter_of_week(week) + 1),
            Grain::RetailYear => (retail_year, 1),
        }
    }

    /// The period with a number in a year, both as [`Self::ordinal`] gives them; `None` where the year has fewer.
    #[must_use]
    pub fn nth(&self, grain: Grain, year: i32, number: u32) -> Option<Period> {
        let index = number.checked_sub(1)?;
        let january = || NaiveDate::from_ymd_opt(year, 1, 1);
        let months = |first: Option<NaiveDate>, count: u32| first?.checked_add_months(Months::new(count));
        let weeks = |first: Option<NaiveDate>, count: u32| first?.checked_add_days(Days::new(u64::from(count) * 7));
        // No year has more periods than days; a larger number would overflow what follows.
        if index > 366 {
            return None;
        }
        let start = match grain {
            Grain::Day => NaiveDate::from_yo_opt(year, number),
            Grain::Week => weeks(self.first_week(year), index),
            Grain::Month => months(january(), index),
            Grain::Quarter => months(january(), index * 3),
            Grain::Year => months(january(), index * 12),
            Grain::FiscalMonth => months(self.first_fiscal_day(year), index),
            Grain::FiscalQuarter => months(self.first_fiscal_day(year), index * 3),
            Grain::FiscalYear => months(self.first_fiscal_day(year), index * 12),
            Grain::RetailWeek => weeks(self.retail.first_day(year), index),
            Grain::RetailMonth => weeks(self.retail.first_day(year), self.retail.pattern.weeks_before(index)),
            Grain::RetailQuarter => weeks(self.retail.first_day(year), index * 13),
            Grain::RetailYear => weeks(self.retail.first_day(year), index * 53),
        }?;
        (self.ordinal(grain, start) == (year, number)).then(|| self.period(grain, start))
    }

    /// The period with the same number in the year before.
    ///
    /// A day: the same date; 29 February has none.
    /// A week: the same number in the week-year before (the year that holds the week's fourth day); week 53 may have none.
    /// Fiscal and retail grains: the same number in the fiscal or retail year before; retail week 53 has none.
    #[must_use]
    pub fn same_last_year(&self, period: Period) -> Option<Period> {
        if period.grain == Grain::Day {
            let day = period.start.with_year(period.start.year() - 1)?;
            return Some(self.period(Grain::Day, day));
        }
        let (year, number) = self.ordinal(period.grain, period.start);
        self.nth(period.grain, year - 1, number)
    }

    /// The period with the same place in the `unit` that is `count` units later, or earlier where `count` is negative.
    ///
    /// `None` where that unit is shorter, and where periods of `unit` do not consist of whole periods of the grain ([`Grain::is_part_of`]).
    #[must_use]
    pub fn moved_by(&self, period: Period, unit: Grain, count: i32) -> Option<Period> {
        if !period.grain.is_part_of(unit) {
            return None;
        }
        let from = self.period(unit, period.start);
        let to = self.neighbour(from, count);
        let days = u64::try_from((period.start - from.start).num_days()).ok()?;
        let found = match period.grain {
            // Periods of one length: the same distance from the start.
            Grain::Day | Grain::Week | Grain::RetailWeek => self.period(period.grain, to.start.checked_add_days(Days::new(days))?),
            _ => {
                let mut at = self.period(period.grain, from.start);
                let mut found = self.period(period.grain, to.start);
                while at.start < period.start {
                    at = self.next(at);
                    found = self.next(found);
                }
                found
            }
        };
        to.contains(found.start).then_some(found)
    }

    /// The day so many units before a day: where the window ends that came before the one that ends with it.
    ///
    /// Months, quarters and years keep the date, or take the last day of a shorter month.
    /// Fiscal and retail units keep the day's number in the unit, or take the last day of a shorter one.
    #[must_use]
    pub fn day_before(&self, day: NaiveDate, count: u32, unit: Grain) -> NaiveDate {
        let months = |each: u32| day.checked_sub_months(Months::new(count.saturating_mul(each)));
        let found = match unit {
            Grain::Day => day.checked_sub_days(Days::new(count.into())),
            Grain::Week => day.checked_sub_days(Days::new(u64::from(count) * 7)),
            Grain::Month => months(1),
            Grain::Quarter => months(3),
            Grain::Year => months(12),
            _ => {
                let from = self.period(unit, day);
                let to = self.neighbour(from, i32::try_from(count).unwrap_or(i32::MAX).saturating_neg());
                to.start.checked_add_signed(day - from.start).map(|found| found.min(to.last_day()))
            }
        };
        found.unwrap_or(NaiveDate::MIN)
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

    /// The fiscal year and quarter of a day; a fiscal year is named by the calendar year in which it ends.
    #[must_use]
    pub fn fiscal_quarter(&self, day: NaiveDate) -> (i32, u32) {
        self.ordinal(Grain::FiscalQuarter, day)
    }

    /// The period so many after one, or before it where `count` is negative.
    fn neighbour(&self, period: Period, count: i32) -> Period {
        let mut found = period;
        for _ in 0..count.unsigned_abs() {
            let next = if count < 0 { self.previous(found) } else { self.next(found) };
            // At the end of the dates that there are.
            if next == found {
                break;
            }
            found = next;
        }
        found
    }

    fn first_week(&self, year: i32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year, 1, 4).map(|fourth| start_of_week(fourth, self.week_start))
    }

    /// The fiscal year and the number from 1 of the month in it.
    pub(super) fn fiscal_month(&self, day: NaiveDate) -> (i32, u32) {
        let shift = self.fiscal_year_start - 1;
        let into = (day.month0() + 12 - shift) % 12;
        let begins = if day.month0() >= shift { day.year() } else { day.year() - 1 };
        (begins + self.fiscal_name_after_start(), into + 1)
    }

    fn first_fiscal_day(&self, year: i32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(year.checked_sub(self.fiscal_name_after_start())?, self.fiscal_year_start, 1)
    }

    fn fiscal_name_after_start(&self) -> i32 {
        i32::from(self.fiscal_year_start > 1)
    }
}
