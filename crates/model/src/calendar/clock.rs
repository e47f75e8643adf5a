//! Days and instants: when a day begins in the project's time zone, and how much of a period has passed.

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use super::{Calendar, Period};

impl Calendar {
    /// The local day of an instant.
    #[must_use]
    pub fn day_of(&self, instant: DateTime<Utc>) -> NaiveDate {
        instant.with_timezone(&self.zone).date_naive()
    }

    /// The last local day that has begun before as-of: at midnight sharp, the day that ends.
    #[must_use]
    pub fn last_day_before(&self, as_of: DateTime<Utc>) -> NaiveDate {
        self.day_of(as_of - TimeDelta::microseconds(1))
    }

    /// The instant at which a local day starts, as [`first_instant`] has it.
    #[must_use]
    pub fn start_instant(&self, day: NaiveDate) -> DateTime<Utc> {
        first_instant(self.zone, day).unwrap_or_else(|| Utc.from_utc_datetime(&day.and_time(NaiveTime::MIN)))
    }

    /// Whether a period has ended at as-of.
    #[must_use]
    pub fn is_complete(&self, period: Period, as_of: DateTime<Utc>) -> bool {
        self.has_begun(period.end, as_of)
    }

    /// Whether a local day has begun at as-of.
    #[must_use]
    pub fn has_begun(&self, day: NaiveDate, as_of: DateTime<Utc>) -> bool {
        // No clock is two days from UTC: the zone is asked about the days around as-of only.
        match (day - as_of.date_naive()).num_days() {
            ..=-2 => true,
            2.. => false,
            _ => self.start_instant(day) <= as_of,
        }
    }

    /// The share of a period that has passed at as-of, 0 to 1, by elapsed time: a day of a clock change has 23 or 25 hours.
    #[must_use]
    pub fn elapsed_share(&self, period: Period, as_of: DateTime<Utc>) -> f64 {
        let start = self.start_instant(period.start);
        let whole = seconds(self.start_instant(period.end) - start);
        if whole == 0.0 {
            // A day that the zone has skipped is over when it begins.
            return if as_of < start { 0.0 } else { 1.0 };
        }
        (seconds(as_of - start) / whole).clamp(0.0, 1.0)
    }
}

/// The first instant of a local day.
///
/// Where a clock change skips midnight, the first one after the gap; where midnight comes twice, the first. A day that a zone has skipped
/// whole starts, and ends, when the next one starts. `None` where the calendar has no such day.
#[must_use]
pub fn first_instant(zone: Tz, day: NaiveDate) -> Option<DateTime<Utc>> {
    let midnight = day.and_time(NaiveTime::MIN);
    (0..=96).find_map(|quarters| {
        let wall = midnight.checked_add_signed(TimeDelta::minutes(15 * quarters))?;
        zone.from_local_datetime(&wall).earliest().map(|local| local.with_timezone(&Utc))
    })
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a year fit a double exactly")]
fn seconds(delta: TimeDelta) -> f64 {
    delta.num_seconds() as f64
}
