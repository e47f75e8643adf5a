//! Days, months and instants as integers: days since 1970-01-01, microseconds since 1970-01-01T00:00Z.
//!
//! Everything here is arithmetic; what is random about time is in `moments`.

use chrono::{DateTime, Datelike, NaiveDate, TimeZone};
use chrono_tz::Tz;

/// Microseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds of a minute.
pub(crate) const MINUTE: i64 = 60 * SECOND;
/// Microseconds of an hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Microseconds of a day.
pub(crate) const DAY: i64 = 24 * HOUR;

/// A calendar month: twelve times the year, plus the month from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Month(i32);

impl Month {
    /// The month of a date.
    pub(crate) fn of(date: NaiveDate) -> Self {
        Self(date.year() * 12 + i32::try_from(date.month0()).unwrap_or(0))
    }

    /// The month of a day.
    pub(crate) fn of_day(day: i32) -> Self {
        Self::of(date(day))
    }

    /// The month `n` later; earlier if `n` is negative.
    pub(crate) fn plus(self, n: i32) -> Self {
        Self(self.0 + n)
    }

    /// How many months after `other`.
    pub(crate) fn since(self, other: Self) -> i32 {
        self.0 - other.0
    }

    /// The year.
    pub(crate) fn year(self) -> i32 {
        self.0.div_euclid(12)
    }

    /// 1 for January.
    pub(crate) fn number(self) -> u32 {
        u32::try_from(self.0.rem_euclid(12)).unwrap_or(0) + 1
    }

    /// The first day.
    pub(crate) fn first_day(self) -> i32 {
        on(self.year(), self.number(), 1)
    }

    /// How many days it has.
    pub(crate) fn days(self) -> i32 {
        self.plus(1).first_day() - self.first_day()
    }

    /// The instant (UTC) at which it begins.
    pub(crate) fn start(self) -> i64 {
        midnight(self.first_day())
    }

    /// The instant (UTC) at which the next begins.
    pub(crate) fn end(self) -> i64 {
        self.plus(1).start()
    }

    /// `2024-03`, the value in paths.
    pub(crate) fn label(self) -> String {
        format!("{:04}-{:02}", self.year(), self.number())
    }

    /// `2403`, the value in identifiers.
    pub(crate) fn tag(self) -> String {
        format!("{:02}{:02}", self.year().rem_euclid(100), self.number())
    }

    /// The key of its random numbers.
    pub(crate) fn key(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    /// The last Sunday, on which clocks change in Europe, if it is one of the two months.
    pub(crate) fn clock_change(self) -> Option<i32> {
        let last = self.plus(1).first_day() - 1;
        matches!(self.number(), 3 | 10).then(|| last - (weekday(last) + 1) % 7)
    }
}

/// The day of a calendar date; 0 if there is no such date.
pub(crate) fn on(year: i32, month: u32, day: u32) -> i32 {
    NaiveDate::from_ymd_opt(year, month, day).map_or(0, day_of)
}

/// Days since 1970-01-01.
pub(crate) fn day_of(date: NaiveDate) -> i32 {
    date.to_epoch_days()
}

/// The date of a day.
pub(crate) fn date(day: i32) -> NaiveDate {
    NaiveDate::from_epoch_days(day).unwrap_or_default()
}

/// The instant at which a day begins in UTC.
pub(crate) fn midnight(day: i32) -> i64 {
    i64::from(day) * DAY
}

/// 0 for Monday.
pub(crate) fn weekday(day: i32) -> i32 {
    (day + 3).rem_euclid(7)
}

/// The instant of a wall clock reading, `second` seconds after midnight of `day`.
///
/// A reading that occurs twice is the earlier; one that does not occur is read as UTC.
pub(crate) fn local(zone: Tz, day: i32, second: i64) -> i64 {
    let wall = midnight(day) + second * SECOND;
    DateTime::from_timestamp_micros(wall).and_then(|reading| zone.from_local_datetime(&reading.naive_utc()).earliest()).map_or(wall, |instant| instant.timestamp_micros())
}

/// The day of an instant on the calendar of a zone.
pub(crate) fn local_day(zone: Tz, instant: i64) -> i32 {
    DateTime::from_timestamp_micros(instant).map_or(0, |utc| day_of(utc.with_timezone(&zone).date_naive()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_have_their_days() {
        let february = Month::of_day(on(2024, 2, 29));
        assert_eq!((february.days(), february.label(), february.tag()), (29, "2024-02".into(), "2402".into()));
        assert_eq!(february.plus(11).since(february), 11);
        assert_eq!(weekday(on(2026, 11, 23)), 0);
    }

    #[test]
    fn clocks_change_on_the_last_sunday() {
        let change = |year, month| Month::of_day(on(year, month, 1)).clock_change();
        assert_eq!(change(2024, 3), Some(on(2024, 3, 31)));
        assert_eq!(change(2024, 10), Some(on(2024, 10, 27)));
        assert_eq!(change(2025, 3), Some(on(2025, 3, 30)));
        assert_eq!(change(2025, 10), Some(on(2025, 10, 26)));
        assert_eq!(change(2025, 4), None);
    }

    #[test]
    fn wall_clocks_are_read_in_their_zone() {
        let berlin = chrono_tz::Europe::Berlin;
        let day = on(2024, 3, 31);
        assert_eq!(local(berlin, day, 3_600), midnight(day));
        assert_eq!(local(berlin, day, 4 * 3_600), midnight(day) + 2 * HOUR);
        assert_eq!(local_day(berlin, midnight(day) - HOUR), day);
    }
}
