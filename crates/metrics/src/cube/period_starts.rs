//! Which period a day belongs to.
//!
//! In: day numbers (Date32: days since 1970-01-01). Out: the first day of the period.
//! What a period is (month, retail week, fiscal quarter) is the caller's business.

use std::collections::BTreeMap;

/// A lookup from a day to the first day of its period, over a contiguous range of days.
#[derive(Clone, Debug)]
pub struct PeriodStarts {
    first_day: i32,
    /// Of each day the first day of its period, and the period's number; none where nobody asks for the period.
    days: Vec<Option<(i32, u64)>>,
    periods: u64,
}

impl PeriodStarts {
    /// A lookup where day `first_day + i` belongs to the period that starts on day `starts[i]`.
    #[must_use]
    pub fn new(first_day: i32, starts: Vec<i32>) -> Self {
        Self::of(first_day, starts.into_iter().map(Some).collect())
    }

    fn of(first_day: i32, starts: Vec<Option<i32>>) -> Self {
        let mut code_of_start: BTreeMap<i32, u64> = starts.iter().flatten().map(|start| (*start, 0)).collect();
        let mut periods = 0;
        for code in code_of_start.values_mut() {
            *code = periods;
            periods += 1;
        }
        let days = starts.into_iter().map(|start| start.and_then(|start| Some((start, *code_of_start.get(&start)?)))).collect();
        Self { first_day, days, periods }
    }

    /// The same for some of the periods, chosen by their first days; days of the others have none.
    #[must_use]
    pub fn only(&self, is_asked: impl Fn(i32) -> bool) -> Self {
        Self::of(self.first_day, self.days.iter().map(|day| day.map(|(start, _)| start).filter(|start| is_asked(*start))).collect())
    }

    /// The longest stretches of days between two that lie within one period of each of some lookups, or within none.
    pub(crate) fn common_parts(lookups: &[&Self], first: i32, last: i32) -> Self {
        let mut starts = Vec::new();
        let mut known: Option<(Vec<Option<i32>>, Option<i32>)> = None;
        for day in first..=last {
            let periods: Vec<Option<i32>> = lookups.iter().map(|lookup| lookup.start_of(day)).collect();
            let start = match known.take().filter(|(before, _)| *before == periods) {
                Some((_, start)) => start,
                None => periods.iter().any(Option::is_some).then_some(day),
            };
            starts.push(start);
            known = Some((periods, start));
        }
        Self::of(first, starts)
    }

    /// First day of the period that `day` belongs to; `None` outside the range, and where the period is not asked for.
    #[must_use]
    pub fn start_of(&self, day: i32) -> Option<i32> {
        self.day(day).map(|(start, _)| start)
    }

    /// Number of the period of `day`, ascending with the period's start.
    pub(crate) fn code_of(&self, day: i32) -> Option<u64> {
        self.day(day).map(|(_, code)| code)
    }

    /// How many periods there are; codes are below it.
    pub(crate) fn periods(&self) -> u64 {
        self.periods
    }

    /// Whether every period of another lookup over the same days consists of whole periods of this one.
    pub(crate) fn is_part_of(&self, other: &Self) -> bool {
        let mut whole_of_part = BTreeMap::new();
        let mut days = self.days.iter().zip(&other.days);
        self.first_day == other.first_day
            && self.days.len() == other.days.len()
            && days.all(|(part, whole)| part.map_or(whole.is_none(), |(start, _)| *whole_of_part.entry(start).or_insert(*whole) == *whole))
    }

    fn day(&self, day: i32) -> Option<(i32, u64)> {
        let place = usize::try_from(i64::from(day) - i64::from(self.first_day)).ok()?;
        self.days.get(place).copied().flatten()
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
    fn days_of_periods_that_are_not_asked_for_have_none() {
        let days = PeriodStarts::new(0, vec![0, 1, 2, 3]).only(|start| start == 3);
        let pairs = PeriodStarts::new(0, vec![0, 0, 2, 2]);
        let pair = pairs.only(|start| start == 2);
        assert_eq!((0..5).map(|day| pair.code_of(day)).collect::<Vec<_>>(), [None, None, Some(0), Some(0), None]);
        assert_eq!((pair.start_of(3), pair.periods(), days.periods()), (Some(2), 1, 1));
        // A day that is left out is missing from the pair.
        assert!(!days.is_part_of(&pair) && pairs.is_part_of(&pair) && !pair.is_part_of(&pairs));
    }

    #[test]
    fn common_parts_are_within_one_period_of_each() {
        let starts = |lookups: &[&PeriodStarts], first: i32, last: i32| {
            let parts = PeriodStarts::common_parts(lookups, first, last);
            (first..=last).map(|day| parts.start_of(day)).collect::<Vec<_>>()
        };
        let threes = PeriodStarts::new(0, (0..12).map(|day| day / 3 * 3).collect());
        let fours = PeriodStarts::new(0, (0..12).map(|day| day / 4 * 4).collect());
        assert_eq!(starts(&[&threes, &fours], 2, 9), [2, 3, 4, 4, 6, 6, 8, 9].map(Some));
        assert_eq!(starts(&[&threes], 0, 3), [0, 0, 0, 3].map(Some));
        let (one, other) = (threes.only(|start| start == 3), fours.only(|start| start == 4));
        assert_eq!(starts(&[&one, &other], 1, 9), [None, None, Some(3), Some(4), Some(4), Some(6), Some(6), None, None]);
        assert_eq!(starts(&[&threes], 3, 2), []);
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
