//! The instants at which a cron line is due.
//!
//! In: a cron line, a time zone, instants. Out: the next due instant, the latest, and the one that was missed.
//! A time that a clock change skips is due at the first instant after the gap, once with whatever else is due then.
//! A time that comes twice is due the first time.
//! A line with every hour counts hours instead: each hour that passes has its run, and an hour that is skipped has none.

use std::str::FromStr as _;

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::{GapInfo, Tz};
use croner::Cron;
use quotient_model::CatchUp;

/// How late a run may start and still be on time.
pub(super) const ON_TIME: TimeDelta = TimeDelta::minutes(1);

/// More than any clock has been put back.
const LONGEST_REPEAT: TimeDelta = TimeDelta::hours(3);

/// A cron line in a time zone.
#[derive(Debug, Clone)]
pub struct Timetable {
    cron: Cron,
    zone: Tz,
}

impl Timetable {
    /// A timetable; `None` for what is no cron line, which the schedule of a job that was read never is.
    #[must_use]
    pub fn new(line: &str, zone: Tz) -> Option<Self> {
        Some(Self { cron: Cron::from_str(line).ok()?, zone })
    }

    /// The first due instant after one; `None` if no day like that comes.
    #[must_use]
    pub fn next_after(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = instant.with_timezone(&self.zone);
        if self.has_every_hour() {
            return Some(self.cron.find_next_occurrence(&local, false).ok()?.with_timezone(&Utc));
        }
        let mut wall = local.naive_local();
        loop {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            let due = self.instant_of(wall)?;
            // Behind after the second pass of an hour that comes twice, and where two times share the end of a gap.
            if due > instant {
                return Some(due);
            }
        }
    }

    /// The last due instant at or before one; `None` if there was no day like that.
    #[must_use]
    pub fn latest_at(&self, instant: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = instant.with_timezone(&self.zone);
        if self.has_every_hour() {
            return Some(self.cron.find_previous_occurrence(&local, true).ok()?.with_timezone(&Utc));
        }
        // In the second pass of an hour, times ahead of the clock's have been in the first.
        let mut wall = local.naive_local().checked_add_signed(LONGEST_REPEAT)?;
        loop {
            wall = self.cron.find_previous_occurrence(&wall, false).ok()?;
            let due = self.instant_of(wall)?;
            if due <= instant {
                return Some(due);
            }
        }
    }

    /// The due instant that a run should make up for now, if any.
    ///
    /// In: as-of of the last run that succeeded, if there was one; now; what is done about missed runs.
    /// Out: the latest due instant, if it is after the last run and either no more than a minute ago, or to be caught up.
    /// Where there was no run yet, none was missed.
    #[must_use]
    pub fn missed(&self, last_run: Option<DateTime<Utc>>, now: DateTime<Utc>, catch_up: CatchUp) -> Option<DateTime<Utc>> {
        let due = self.latest_at(now)?;
        let is_open = last_run.is_none_or(|last| due > last);
        let is_on_time = now - due <= ON_TIME;
        let is_caught_up = catch_up == CatchUp::One && last_run.is_some();
        (is_open && (is_on_time || is_caught_up)).then_some(due)
    }

    fn has_every_hour(&self) -> bool {
        self.cron.pattern.hours.values().len() == 24
    }

    /// The instant of a time on the wall: the first of two, or the end of the gap that it is in.
    fn instant_of(&self, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
        let local = match self.zone.from_local_datetime(&wall) {
            LocalResult::Single(local) | LocalResult::Ambiguous(local, _) => local,
            LocalResult::None => GapInfo::new(&wall, &self.zone)?.end?,
        };
        Some(local.with_timezone(&Utc))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;
    use quotient_model::CatchUp;

    use super::Timetable;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn berlin(line: &str) -> Timetable {
        Timetable::new(line, Tz::Europe__Berlin).unwrap()
    }

    /// The due instants from one on, by going forwards; going backwards must find the same.
    fn due(line: &str, from: &str, count: usize) -> Vec<String> {
        let timetable = berlin(line);
        let mut instants: Vec<DateTime<Utc>> = Vec::new();
        let mut last = at(from);
        for _ in 0..count {
            let next = timetable.next_after(last).unwrap();
            assert_eq!(timetable.latest_at(next), Some(next), "{line}");
            let just_before = next - chrono::TimeDelta::seconds(1);
            if let Some(before) = instants.last() {
                assert_eq!(timetable.latest_at(just_before), Some(*before), "{line}");
            }
            instants.push(next);
            last = next;
        }
        instants.iter().map(|instant| instant.format("%d %H:%M").to_string()).collect()
    }

    #[test]
    fn a_day_of_a_time_zone_is_due_at_its_own_hour() {
        assert_eq!(due("0 2 * * *", "2025-01-01T00:00:00Z", 2), ["01 01:00", "02 01:00"]);
        assert_eq!(due("0 2 * * *", "2025-07-01T00:00:00Z", 2), ["02 00:00", "03 00:00"]);
        assert_eq!(due("30 6 1 * mon", "2025-08-30T00:00:00Z", 3), ["01 04:30", "08 04:30", "15 04:30"]);
    }

    #[test]
    fn a_time_that_does_not_exist_is_due_once_after_the_gap() {
        // On 2025-03-30 the clock goes from 02:00 to 03:00, at 01:00 UTC.
        assert_eq!(due("30 2 * * *", "2025-03-29T00:00:00Z", 3), ["29 01:30", "30 01:00", "31 00:30"]);
        assert_eq!(due("0,30 2,3 * * *", "2025-03-30T00:00:00Z", 3), ["30 01:00", "30 01:30", "31 00:00"]);
        assert_eq!(due("0 */2 * * *", "2025-03-29T22:30:00Z", 3), ["29 23:00", "30 01:00", "30 02:00"]);
    }

    #[test]
    fn a_time_that_exists_twice_is_due_the_first_time() {
        // On 2025-10-26 the clock goes from 03:00 back to 02:00, at 01:00 UTC.
        assert_eq!(due("30 2 * * *", "2025-10-25T00:00:00Z", 3), ["25 00:30", "26 00:30", "27 01:30"]);
        assert_eq!(due("0,45 2,3 * * *", "2025-10-26T00:00:00Z", 3), ["26 00:45", "26 02:00", "26 02:45"]);
        let second_pass = at("2025-10-26T01:10:00Z");
        assert_eq!(berlin("45 2 * * *").latest_at(second_pass), Some(at("2025-10-26T00:45:00Z")));
        assert_eq!(berlin("45 2 * * *").next_after(second_pass), Some(at("2025-10-27T01:45:00Z")));
    }

    #[test]
    fn every_hour_is_every_hour_that_passes() {
        assert_eq!(due("0 * * * *", "2025-03-29T23:30:00Z", 3), ["30 00:00", "30 01:00", "30 02:00"]);
        assert_eq!(due("0 * * * *", "2025-10-25T23:30:00Z", 4), ["26 00:00", "26 01:00", "26 02:00", "26 03:00"]);
        assert_eq!(due("*/30 * * * *", "2025-10-25T23:50:00Z", 5), ["26 00:00", "26 00:30", "26 01:00", "26 01:30", "26 02:00"]);
    }

    #[test]
    fn one_run_makes_up_for_all_that_were_missed() {
        let (timetable, now) = (berlin("0 2 * * *"), at("2025-06-10T09:00:00Z"));
        let missed = |last: Option<&str>, catch_up| timetable.missed(last.map(at), now, catch_up);
        let latest = Some(at("2025-06-10T00:00:00Z"));
        assert_eq!(missed(Some("2025-06-03T00:00:00Z"), CatchUp::One), latest);
        assert_eq!(missed(Some("2025-06-03T00:00:00Z"), CatchUp::Nothing), None);
        assert_eq!(missed(Some("2025-06-10T00:00:00Z"), CatchUp::One), None);
        assert_eq!(missed(Some("2025-06-10T08:00:00Z"), CatchUp::One), None);
        assert_eq!(missed(None, CatchUp::One), None);
    }

    #[test]
    fn a_minute_late_is_on_time() {
        let timetable = berlin("0 2 * * *");
        let missed = |now: &str, last: Option<&str>| timetable.missed(last.map(at), at(now), CatchUp::Nothing);
        assert_eq!(missed("2025-06-10T00:01:00Z", None), Some(at("2025-06-10T00:00:00Z")));
        assert_eq!(missed("2025-06-10T00:01:00Z", Some("2025-06-09T00:00:00Z")), Some(at("2025-06-10T00:00:00Z")));
        assert_eq!(missed("2025-06-10T00:01:01Z", None), None);
    }

    #[test]
    fn what_is_no_cron_line_has_no_timetable() {
        assert!(Timetable::new("daily", Tz::UTC).is_none());
    }
}
