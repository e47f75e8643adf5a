//! The retail calendar: years of whole weeks, months of four or five of them.
//!
//! A year ends on one weekday, the day before the week start: the last one in its end month, or the one nearest to that month's last day.
//! Both rules say which week is the first: the one that holds the first day (`last`) or the fourth day (`nearest`) of the month after.
//! So a year is found as weeks of ISO 8601 are, without a table.

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::start_of_week;

/// How the weeks of a retail year make months, and where the year ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetailCalendar {
    /// The weeks of the three months of a quarter.
    pub pattern: RetailPattern,
    /// The month, 1 to 12, at whose end the year ends.
    pub year_end_month: u32,
    /// Which weekday at the end of that month is the last day of the year.
    pub year_end: RetailYearEnd,
    /// The first day of a week; the year ends on the day before it.
    pub week_start: Weekday,
}

/// The weeks of the three months of a quarter; in a year of 53 weeks the last month has one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetailPattern {
    /// Four, four, five.
    FourFourFive,
    /// Four, five, four.
    FourFiveFour,
    /// Five, four, four.
    FiveFourFour,
}

/// Which weekday at the end of the last month is the last day of the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetailYearEnd {
    /// The one nearest to the last day of the month, in it or at most three days after.
    Nearest,
    /// The last one in the month.
    Last,
}

impl Default for RetailCalendar {
    /// The year of the National Retail Federation, from the Sunday after the Saturday nearest to 31 January, with months of 4-4-5 weeks.
    fn default() -> Self {
        Self { pattern: RetailPattern::FourFourFive, year_end_month: 1, year_end: RetailYearEnd::Nearest, week_start: Weekday::Sun }
    }
}

impl RetailPattern {
    /// The pattern of a name such as `4-5-4`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::FourFourFive, Self::FourFiveFour, Self::FiveFourFour].into_iter().find(|pattern| pattern.name() == name)
    }

    /// The name: the weeks of the three months.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FourFourFive => "4-4-5",
            Self::FourFiveFour => "4-5-4",
            Self::FiveFourFour => "5-4-4",
        }
    }

    /// The weeks of a regular year before a month, which is counted from 0.
    #[must_use]
    pub const fn weeks_before(self, month: u32) -> u32 {
        let in_quarter = match (self, month % 3) {
            (_, 0) => 0,
            (Self::FourFourFive | Self::FourFiveFour, 1) => 4,
            (Self::FiveFourFour, 1) => 5,
            (Self::FourFourFive, _) => 8,
            (Self::FourFiveFour | Self::FiveFourFour, _) => 9,
        };
        month / 3 * 13 + in_quarter
    }
}

impl RetailYearEnd {
    /// The rule of a name: `nearest` or `last`.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "nearest" => Some(Self::Nearest),
            "last" => Some(Self::Last),
            _ => None,
        }
    }

    /// The days between the first of the month after the end month and the day that the year's first week holds in any case.
    #[must_use]
    pub const fn days_to_anchor(self) -> u32 {
        match self {
            Self::Nearest => 3,
            Self::Last => 0,
        }
    }
}

impl RetailCalendar {
    /// The calendar month, 1 to 12, at whose first day a year begins but for the days that make whole weeks.
    #[must_use]
    pub const fn first_month(&self) -> u32 {
        self.year_end_month % 12 + 1
    }

    /// The first day of the week of a day.
    pub(super) fn week(&self, day: NaiveDate) -> NaiveDate {
        start_of_week(day, self.week_start)
    }

    /// The first day of the year of a day.
    pub(super) fn year(&self, day: NaiveDate) -> NaiveDate {
        self.anchored(self.nominal_year(day))
    }

    /// The year's name and the number from 0 of the week that a day belongs to.
    ///
    /// The name is that of the calendar year in which most of the twelve months lie; half and half, that in which the year ends.
    pub(super) fn week_of_year(&self, day: NaiveDate) -> (i32, u32) {
        let weeks = (self.week(day) - self.year(day)).num_days() / 7;
        (self.nominal_year(day) + self.name_after_start(), u32::try_from(weeks).unwrap_or_default())
    }

    /// The first day of a year by its name; `None` outside the dates that there are.
    pub(super) fn first_day(&self, name: i32) -> Option<NaiveDate> {
        let nominal = name.checked_sub(self.name_after_start())?;
        NaiveDate::from_ymd_opt(nominal, self.first_month(), 1)?;
        Some(self.anchored(nominal))
    }

    /// The number from 0 of the month that a week lies in; the 53rd week lies in the last.
    pub(super) fn month_of_week(&self, week: u32) -> u32 {
        (1..12).take_while(|month| self.pattern.weeks_before(*month) <= week).last().unwrap_or(0)
    }

    /// The number from 0 of the quarter that a week lies in; the 53rd week lies in the last.
    pub(super) fn quarter_of_week(week: u32) -> u32 {
        (week / 13).min(3)
    }

    /// The calendar year in which the retail year of a day begins, but for the days that make whole weeks.
    fn nominal_year(&self, day: NaiveDate) -> i32 {
        // The week belongs to the year whose anchor is not after the week's last day.
        let reach = Days::new(u64::from(6 - self.year_end.days_to_anchor()));
        let week = self.week(day);
        let last = week.checked_add_days(reach).unwrap_or(week);
        if last.month() >= self.first_month() { last.year() } else { last.year() - 1 }
    }

    fn anchored(&self, nominal: i32) -> NaiveDate {
        let first = NaiveDate::from_ymd_opt(nominal, self.first_month(), 1).unwrap_or(NaiveDate::MIN);
        let anchor = first.checked_add_days(Days::new(self.year_end.days_to_anchor().into())).unwrap_or(first);
        self.week(anchor)
    }

    fn name_after_start(&self) -> i32 {
        i32::from(self.first_month() > 6)
    }
}
