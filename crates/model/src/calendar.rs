//! The calendar of a project: which period a day belongs to, and where its neighbours are.
//!
//! In: a time zone, a week start, a fiscal year start, a retail year. Out: periods, half-open `[start, end)`, and the instants that bound them.
//! It never asks for the time: as-of is always an argument.

mod clock;
mod retail;
mod vars;
mod year;

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use chrono_tz::Tz;

use crate::grain::Grain;

pub use clock::first_instant;
pub use retail::{RetailCalendar, RetailPattern, RetailYearEnd};
pub(crate) use vars::read_calendar;

/// The calendar of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The time zone that says which day an instant belongs to.
    pub zone: Tz,
    /// The first day of a week.
    pub week_start: Weekday,
    /// The first month of a fiscal year, 1 to 12.
    pub fiscal_year_start: u32,
    /// Years of whole weeks.
    pub retail: RetailCalendar,
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
        Self { zone: Tz::UTC, week_start: Weekday::Mon, fiscal_year_start: 1, retail: RetailCalendar::default() }
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
        Period { grain, start, end: self.end_of(grain, start) }
    }

    /// The first day of the period of a grain that a day belongs to.
    #[must_use]
    pub fn start_of(&self, grain: Grain, day: NaiveDate) -> NaiveDate {
        let first_of_month = day.with_day(1).unwrap_or(day);
        let months_back = |count: u32| first_of_month.checked_sub_months(Months::new(count)).unwrap_or(first_of_month);
        let retail_weeks = |count: u32| {
            let year = self.retail.year(day);
            year.checked_add_days(Days::new(u64::from(count) * 7)).unwrap_or(year)
        };
        match grain {
            Grain::Day => day,
            Grain::Week => start_of_week(day, self.week_start),
            Grain::Month | Grain::FiscalMonth => first_of_month,
            Grain::Quarter => months_back(day.month0() % 3),
            Grain::Year => months_back(day.month0()),
            Grain::FiscalQuarter => months_back((self.fiscal_month(day).1 - 1) % 3),
            Grain::FiscalYear => months_back(self.fiscal_month(day).1 - 1),
            Grain::RetailWeek => self.retail.week(day),
            Grain::RetailMonth => retail_weeks(self.retail.pattern.weeks_before(self.retail.month_of_week(self.retail.week_of_year(day).1))),
            Grain::RetailQuarter => retail_weeks(RetailCalendar::quarter_of_week(self.retail.week_of_year(day).1) * 13),
            Grain::RetailYear => self.retail.year(day),
        }
    }

    /// The day after the last of the period that starts on a day.
    fn end_of(&self, grain: Grain, start: NaiveDate) -> NaiveDate {
        let days = |count: u64| start.checked_add_days(Days::new(count));
        // From a day well inside the period that follows: its lengths differ by a week at most.
        let start_after = |count: u64| days(count).map(|inside| self.start_of(grain, inside));
        let end = match grain {
            Grain::Day => days(1),
            Grain::Week | Grain::RetailWeek => days(7),
            Grain::Month | Grain::FiscalMonth => start.checked_add_months(Months::new(1)),
            Grain::Quarter | Grain::FiscalQuarter => start.checked_add_months(Months::new(3)),
            Grain::Year | Grain::FiscalYear => start.checked_add_months(Months::new(12)),
            Grain::RetailMonth => start_after(6 * 7),
            Grain::RetailQuarter => start_after(14 * 7),
            Grain::RetailYear => start_after(53 * 7),
        };
        end.unwrap_or(NaiveDate::MAX)
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

    /// A short name for people.
    ///
    /// `2024-03-05` for a day and for a week, which is named by its first day; `2024-03`, `2024-Q1`, `2024`;
    /// `FY2024-M01`, `FY2024-Q1`, `FY2024` of the fiscal calendar; `RY2024-W01`, `RY2024-M01`, `RY2024-Q1`, `RY2024` of the retail calendar.
    #[must_use]
    pub fn label(&self, period: Period) -> String {
        let (year, number) = self.ordinal(period.grain, period.start);
        match period.grain {
            Grain::Day | Grain::Week => period.start.to_string(),
            Grain::Month => format!("{year}-{number:02}"),
            Grain::Quarter => format!("{year}-Q{number}"),
            Grain::Year => year.to_string(),
            Grain::FiscalMonth => format!("FY{year}-M{number:02}"),
            Grain::FiscalQuarter => format!("FY{year}-Q{number}"),
            Grain::FiscalYear => format!("FY{year}"),
            Grain::RetailWeek => format!("RY{year}-W{number:02}"),
            Grain::RetailMonth => format!("RY{year}-M{number:02}"),
            Grain::RetailQuarter => format!("RY{year}-Q{number}"),
            Grain::RetailYear => format!("RY{year}"),
        }
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
}

/// The first day of the week of a day, where weeks start on `first`.
fn start_of_week(day: NaiveDate, first: Weekday) -> NaiveDate {
    let into = day.weekday().days_since(first);
    day.checked_sub_days(Days::new(into.into())).unwrap_or(day)
}

#[cfg(test)]
mod tests;
