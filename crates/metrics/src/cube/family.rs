//! Groupings of the same keys, ordered so that rows are read once: long periods are made of the groups of shorter ones.
//!
//! In: the groupings of a request. Out: families, each with the groups of its rows first, then groups of groups.

use std::collections::BTreeMap;

use super::codes::Codes;
use super::error::CubeError;
use super::grouping::{GroupKeys, Groups};
use super::period_starts::PeriodStarts;
use super::request::Grouping;

/// The groups of one grouping.
#[derive(Debug)]
pub(crate) struct Level {
    /// The grouping's place in the request.
    pub(crate) grouping: usize,
    /// The level whose groups are its parts; of the first level the parts are rows.
    pub(crate) part: usize,
    /// Numbers of the parts' groups. First rows are rows of the fact on every level.
    pub(crate) groups: Groups,
}

/// Groupings that are made of the groups of the first of them.
#[derive(Debug)]
pub(crate) struct Family<'a> {
    /// Places in the request: each with the place in this list of the one that it is made of.
    members: Vec<(usize, usize)>,
    /// Those of the request.
    pub(crate) groupings: &'a [Grouping<'a>],
}

impl<'a> Family<'a> {
    /// The families of some groupings; every grouping is in one of them.
    pub(crate) fn of(groupings: &'a [Grouping<'a>]) -> Vec<Self> {
        let mut places: Vec<usize> = (0..groupings.len()).collect();
        // Parts have more periods than what is made of them.
        places.sort_by_key(|place| std::cmp::Reverse(groupings[*place].period.map_or(0, PeriodStarts::periods)));
        let mut families: Vec<Self> = Vec::new();
        let mut family_of: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for (at, place) in places.iter().copied().enumerate() {
            let is_made_of = |part: &&usize| {
                let (whole, part) = (&groupings[place], &groupings[**part]);
                whole.keys == part.keys && whole.period.zip(part.period).is_some_and(|(whole, part)| part.is_part_of(whole))
            };
            // The last has the fewest groups.
            let part = places[..at].iter().rev().find(is_made_of).and_then(|part| family_of.get(part).copied());
            let (family, part) = part.unwrap_or_else(|| {
                families.push(Self { members: Vec::new(), groupings });
                (families.len() - 1, 0)
            });
            family_of.insert(place, (family, families[family].members.len()));
            families[family].members.push((place, part));
        }
        families
    }

    /// The groups of every member.
    pub(crate) fn levels(&self, rows: usize, days: Option<&[Option<i32>]>, codes: &BTreeMap<usize, Codes>) -> Result<Vec<Level>, CubeError> {
        let mut levels: Vec<Level> = Vec::with_capacity(self.members.len());
        for (grouping, part) in self.members.iter().copied() {
            let Grouping { period, keys } = self.groupings[grouping];
            let keys: Vec<&Codes> = keys.iter().filter_map(|key| codes.get(key)).collect();
            let days = match (period, days) {
                (Some(_), None) => return Err(CubeError::NoTime),
                (Some(period), Some(days)) => Some((days, period)),
                (None, _) => None,
            };
            let groups = match levels.get(part) {
                None => GroupKeys { rows, periods: days, keys }.groups()?,
                Some(part) => {
                    let first = &part.groups.first_rows;
                    let days: Option<(Vec<Option<i32>>, _)> = days.map(|(days, period)| (first.iter().map(|row| days[*row]).collect(), period));
                    let keys: Vec<Codes> = keys.iter().map(|key| Codes { rows: first.iter().map(|row| key.rows[*row]).collect(), null: key.null }).collect();
                    let periods = days.as_ref().map(|(days, period)| (days.as_slice(), *period));
                    let groups = GroupKeys { rows: first.len(), periods, keys: keys.iter().collect() }.groups()?;
                    Groups { first_rows: groups.first_rows.iter().map(|group| first[*group]).collect(), codes: groups.codes }
                }
            };
            levels.push(Level { grouping, part, groups });
        }
        Ok(levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_periods_are_made_of_the_longest_that_are_parts_of_them() {
        let by = |length: i32| PeriodStarts::new(0, (0..12).map(|day| day / length * length).collect());
        let (day, pair, three, six) = (by(1), by(2), by(3), by(6));
        let grouping = |period, keys| Grouping { period: Some(period), keys };
        let groupings = [grouping(&six, &[1]), grouping(&three, &[1]), grouping(&day, &[1]), grouping(&pair, &[1]), grouping(&six, &[2]), Grouping { period: None, keys: &[1] }];
        let families: Vec<Vec<(usize, usize)>> = Family::of(&groupings).into_iter().map(|family| family.members).collect();
        // Days first; pairs and threes of days; sixes of threes, which are fewer. Other keys, and all time, are read from rows.
        assert_eq!(families, [vec![(2, 0), (3, 0), (1, 0), (0, 2)], vec![(4, 0)], vec![(5, 0)]]);
    }
}
