//! Which period a day belongs to.
//!
//! In: day numbers (Date32: days since 1970-01-01). Out: the first day of the period.
//! What a period is (month, retail week, fiscal quarter) is the caller's business.

use std::collections::BTreeMap;

/// A lookup from a day to the first day of its period, over a contiguous range of days.
#[derive(Clone, Debug)]
pub struct PeriodStarts {
    first_day: i32,
    starts: Vec<i32>,
    codes: Vec<u64>,
    periods: u64,
}

impl PeriodStarts {
    /// A lookup where day `first_day + i` belongs to the period that starts on day `starts[i]`.
    #[must_use]
    pub fn new(first_day: i32, starts: Vec<i32>) -> Self {
        let mut code_of_start: BTreeMap<i32, u64> = starts.iter().map(|start| (*start, 0)).collect();
        let mut periods = 0;
        for code in code_of_start.values_mut() {
            *code = periods;
            periods += 1;
        }
        let codes = starts.iter().filter_map(|start| code_of_start.get(start).copied()).collect();
        Self { first_day, starts, codes, periods }
    }

    /// First day of the period that `day` belongs to; `None` outside the range.
    #[must_use]
    pub fn start_of(&self, day: i32) -> Option<i32> {
        self.starts.get(self.place(day)?).copied()
    }

    /// Number of the period of `day`, ascending with the period's start.
    pub(crate) fn code_of(&self, day: i32) -> Option<u64> {
        self.codes.get(self.place(day)?).copied()
    }

    /// How many periods there are; codes are below it.
    pub(crate) fn periods(&self) -> u64 {
        self.periods
    }

    /// Whether every period of another lookup over the same days consists of whole periods of this one.
    pub(crate) fn is_part_of(&self, other: &Self) -> bool {
        let mut whole_of_part = BTreeMap::new();
        let is_whole = |(part, whole): (&u64, &u64)| *whole_of_part.entry(*part).or_insert(*whole) == *whole;
        self.first_day == other.first_day && self.starts.len() == other.starts.len() && self.codes.iter().zip(&other.codes).all(is_whole)
    }

    fn place(&self, day: i32) -> Option<usize> {
        usize::try_from(i64::from(day) - i64::from(self.first_day)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_map_to_starts_and_ascending_codes() {
        // Days 10 and 11 belong to the period of day 9, days 12 and 13 to that of day 12.
        let periods = PeriodStarts::new(10, vec![9, 9, 12, 12]);
        assert_eq!(periods.start_of(11), Some(9));
        assert_eq!(periods.start_of(12), Some(12));
        assert_eq!(periods.code_of(10), Some(0));
        assert_eq!(periods.code_of(13), Some(1));
        assert_eq!(periods.periods(), 2);
    }

    #[test]
    fn periods_that_cross_others_are_no_part_of_them() {
        let days = PeriodStarts::new(0, vec![0, 1, 2, 3]);
        let pairs = PeriodStarts::new(0, vec![0, 0, 2, 2]);
        let crossing = PeriodStarts::new(0, vec![0, 1, 1, 3]);
        assert!(days.is_part_of(&pairs) && days.is_part_of(&crossing) && pairs.is_part_of(&pairs));
        assert!(!pairs.is_part_of(&days) && !pairs.is_part_of(&crossing) && !crossing.is_part_of(&pairs));
        assert!(!days.is_part_of(&PeriodStarts::new(1, vec![1, 1, 1, 1])) && !days.is_part_of(&PeriodStarts::new(0, vec![0, 0])));
    }

    #[test]
    fn outside_the_range_is_none() {
        let periods = PeriodStarts::new(10, vec![9, 9]);
        assert_eq!(periods.start_of(9), None);
        assert_eq!(periods.start_of(12), None);
        assert_eq!(periods.start_of(i32::MIN), None);
        assert_eq!(PeriodStarts::new(0, Vec::new()).start_of(0), None);
    }
}
