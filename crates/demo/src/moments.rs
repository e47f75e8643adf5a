//! When things happen within a month: busy weekdays, working hours of the territory, and the nights in which the day in
//! UTC is not the day on the wall.

use chrono_tz::Tz;

use crate::calendar::{DAY, HOUR, Month, SECOND, local, midnight, weekday};
use crate::dice::Dice;
use crate::rates;

/// Share of events from Monday to Sunday.
const WEEK: [u64; 7] = [10, 11, 11, 10, 9, 3, 2];

/// The place of one event among all of its month: the first come early, the last late.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    /// The month (UTC).
    pub(crate) month: Month,
    /// Which of the month's events, from 0.
    pub(crate) index: u64,
    /// How many the month has.
    pub(crate) count: u64,
    /// Where people work.
    pub(crate) zone: Tz,
}

impl Slot {
    /// An instant inside the month (UTC).
    pub(crate) fn instant(&self, dice: &mut Dice) -> i64 {
        let day = self.day();
        if dice.happens(rates::NIGHT) {
            let late = midnight(day) + 22 * HOUR + dice.between(0, 14_399) * SECOND;
            return if late < self.month.end() { late } else { late - DAY };
        }
        let second = working_second(dice);
        let instant = local(self.zone, day, second) + fraction(dice);
        let inside = self.month.start() <= instant && instant < self.month.end();
        if inside { instant } else { midnight(day) + second * SECOND }
    }

    fn day(&self) -> i32 {
        let first = self.month.first_day();
        let share = |day: i32| WEEK.get(usize::try_from(weekday(day)).unwrap_or(0)).copied().unwrap_or(0);
        let total: u64 = (first..first + self.month.days()).map(share).sum();
        let place = u128::from(total) * u128::from(2 * self.index + 1) / u128::from(2 * self.count.max(1));
        let mut passed = 0;
        for day in first..first + self.month.days() {
            passed += u128::from(share(day));
            if place < passed {
                return day;
            }
        }
        first
    }
}

/// An instant in working hours of a day.
pub(crate) fn at_work(zone: Tz, day: i32, dice: &mut Dice) -> i64 {
    local(zone, day, working_second(dice)) + fraction(dice)
}

/// Seconds since local midnight, from 8 to 19 o'clock, most of them around noon.
fn working_second(dice: &mut Dice) -> i64 {
    8 * 3_600 + dice.between(0, 19_799) + dice.between(0, 19_799)
}

fn fraction(dice: &mut Dice) -> i64 {
    if dice.happens(rates::FRACTIONAL_SECOND) { dice.between(1, SECOND - 1) } else { 0 }
}
