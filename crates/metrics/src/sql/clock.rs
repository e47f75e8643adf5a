//! Wall clocks over columns: local times of instants, and the instants at which local days start.
//!
//! In: microseconds since 1970-01-01T00:00:00Z, or days. Out: the same length, null where the input is.
//! A zone is asked once for each day that a column has, not for each row.
//! A local day starts at its first instant: that of midnight, or the end of the gap if there is no midnight; the earlier one if there are two.

use chrono::{DateTime, Duration, NaiveDate, Offset, TimeZone};
use chrono_tz::Tz;
use polars::prelude as pl;
use quotient_model::first_instant;

const DAY: i64 = 86_400_000_000;

/// The time that a wall clock shows at each instant, without a zone.
pub(crate) fn local_time(instant: pl::Expr, zone: Tz) -> pl::Expr {
    let shown = instant.cast(pl::DataType::Int64).map(
        move |column| {
            let mut offsets = ByDay::new(move |day| offset_of_day(day, zone));
            let instants = column.i64()?;
            let shown: pl::Int64Chunked = instants.iter().map(|instant| instant.and_then(|instant| shown_at(instant, &mut offsets, zone))).collect();
            Ok(pl::Column::from(pl::IntoSeries::into_series(shown.with_name(column.name().clone()))))
        },
        |_, field| Ok(pl::Field::new(field.name().clone(), pl::DataType::Int64)),
    );
    shown.cast(pl::DataType::Datetime(pl::TimeUnit::Microseconds, None))
}

/// The instant at which each local day starts.
pub(crate) fn midnight(date: pl::Expr, zone: Tz) -> pl::Expr {
    let starts = date.cast(pl::DataType::Int32).map(
        move |column| {
            let mut starts = ByDay::new(move |day| day_start(day, zone));
            let starts: pl::Int64Chunked = column.i32()?.iter().map(|day| day.and_then(|day| starts.of(i64::from(day)))).collect();
            Ok(pl::Column::from(pl::IntoSeries::into_series(starts.with_name(column.name().clone()))))
        },
        |_, field| Ok(pl::Field::new(field.name().clone(), pl::DataType::Int64)),
    );
    starts.cast(pl::DataType::Datetime(pl::TimeUnit::Microseconds, Some(pl::TimeZone::UTC)))
}

/// What is known of days, found when a day is first asked for.
struct ByDay<F> {
    find: F,
    known: pl::PlHashMap<i64, Option<i64>>,
}

impl<F: Fn(i64) -> Option<i64>> ByDay<F> {
    fn new(find: F) -> Self {
        Self { find, known: pl::PlHashMap::default() }
    }

    fn of(&mut self, day: i64) -> Option<i64> {
        *self.known.entry(day).or_insert_with(|| (self.find)(day))
    }
}

/// The time shown at an instant; null where chrono has no such time.
fn shown_at(instant: i64, offsets: &mut ByDay<impl Fn(i64) -> Option<i64>>, zone: Tz) -> Option<i64> {
    let offset = offsets.of(instant.div_euclid(DAY)).or_else(|| offset_at(instant, zone))?;
    instant.checked_add(offset)
}

/// What the clock is ahead of UTC on all of a UTC day; `None` where it changes in between.
fn offset_of_day(day: i64, zone: Tz) -> Option<i64> {
    let start = day.checked_mul(DAY)?;
    let (first, last) = (offset_at(start, zone)?, offset_at(start.checked_add(DAY)?, zone)?);
    (first == last).then_some(first)
}

/// What the clock is ahead of UTC at an instant.
fn offset_at(instant: i64, zone: Tz) -> Option<i64> {
    let time = DateTime::from_timestamp_micros(instant)?;
    Some(i64::from(zone.offset_from_utc_datetime(&time.naive_utc()).fix().local_minus_utc()) * 1_000_000)
}

/// The first instant of a day since 1970, in microseconds.
fn day_start(day: i64, zone: Tz) -> Option<i64> {
    let date = NaiveDate::default().checked_add_signed(Duration::try_days(day)?)?;
    first_instant(zone, date).map(|start| start.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn days_start_at_local_midnight() {
        // 2024-07-01 is day 19905; Berlin is two hours ahead of UTC then.
        assert_eq!(day_start(19_905, Tz::Europe__Berlin), Some((19_905 * 24 - 2) * HOUR));
    }

    #[test]
    fn a_day_without_midnight_starts_after_the_gap() {
        // In Beirut the clocks went from 0:00 to 1:00 on 2022-03-27 (day 19078): it started at 22:00 UTC.
        assert_eq!(day_start(19_078, Tz::Asia__Beirut), Some((19_078 * 24 - 2) * HOUR));
    }

    #[test]
    fn clocks_show_what_chrono_says_hour_by_hour_in_any_order() {
        for zone in [Tz::UTC, Tz::Europe__Berlin, Tz::Asia__Seoul, Tz::America__Sao_Paulo, Tz::Australia__Lord_Howe, Tz::Pacific__Apia] {
            let mut offsets = ByDay::new(move |day| offset_of_day(day, zone));
            // Over a year about which the clocks of all these zones changed, backwards and before 1970 too.
            let hours = (0..9_000).map(|hour| (14_900 * 24 + hour) * HOUR + 1).chain((0..2_000).rev().map(|hour| -hour * 24 * HOUR - 1));
            for instant in hours {
                let expected = DateTime::from_timestamp_micros(instant).unwrap().with_timezone(&zone).naive_local().and_utc().timestamp_micros();
                assert_eq!(shown_at(instant, &mut offsets, zone), Some(expected), "{instant} in {zone}");
            }
        }
    }

    #[test]
    fn days_far_from_each_other_are_found_without_room_for_those_in_between() {
        let mut doubled = ByDay::new(|day| Some(day * 2));
        let days = [10, 10 + 36_524, 10 + 36_525, 10 - 36_525, 10 - 36_526, i64::from(i32::MAX), i64::from(i32::MIN), 10];
        for day in days {
            assert_eq!(doubled.of(day), Some(day * 2));
        }
        assert_eq!(doubled.known.len(), 7, "each day is remembered once, and no other");
    }

    #[test]
    fn times_that_chrono_has_not_are_null() {
        let zone = Tz::Europe__Berlin;
        assert_eq!(shown_at(i64::MAX, &mut ByDay::new(move |day| offset_of_day(day, zone)), zone), None);
        assert_eq!(day_start(i64::from(i32::MAX), zone), None);
    }
}
