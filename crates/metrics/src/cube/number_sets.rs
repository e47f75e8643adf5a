//! Sets of numbers, one for each group, in the room that they take: a distinct count of many groups has as many numbers as there are rows.
//!
//! In: a number for each row, and the group of each. Out: how many numbers each group has, also of groups that are put together.

use std::borrow::Cow;

use super::accumulate::Rows;
use super::codes::Codes;

/// Bits of a step in a byte; the highest says that more follow.
const BITS: u32 = 7;
const MORE: u8 = 1 << BITS;

/// The numbers of each of some groups, each once, in the order in which they were met.
///
/// Sets merge only if their numbers come from one numbering.
#[derive(Clone, Debug, Default)]
pub(crate) struct NumberSets {
    /// How many numbers each set has; null as long as no row counted.
    counts: Vec<Option<u32>>,
    /// Where the bytes of each set end.
    ends: Vec<usize>,
    /// From zero to the first number of a set, and from each to the next: values that are met one after the other have numbers near each other.
    steps: Vec<u8>,
}

/// The numbers that a set has so far, a bit for each number that there can be.
#[derive(Debug, Default)]
struct Seen(Vec<u64>);

impl Seen {
    /// Whether a number was not seen before; it is now.
    fn is_new(&mut self, number: u32) -> bool {
        let (word, bit) = Self::place(number);
        if word >= self.0.len() {
            self.0.resize((word + 1).next_power_of_two(), 0);
        }
        let is_new = self.0[word] & bit == 0;
        self.0[word] |= bit;
        is_new
    }

    /// Forgets a number, and others near it: all of a set go.
    fn forget(&mut self, number: u32) {
        self.0[Self::place(number).0] = 0;
    }

    fn place(number: u32) -> (usize, u64) {
        (number as usize / 64, 1 << (number % 64))
    }
}

impl NumberSets {
    /// The numbers of each group; a row without a number counts, and adds none.
    pub(crate) fn of_rows(rows: &Rows<'_>, numbers: &[Option<u32>]) -> Self {
        let groups: Vec<Cow<'_, [u32]>> = (0..rows.pieces.len()).map(|piece| rows.groups_of(piece)).collect();
        let each = || groups.iter().zip(rows.pieces).flat_map(|(groups, piece)| groups.iter().map(|group| *group as usize).zip(numbers[piece.clone()].iter().copied()));
        let mut sets = Self::with_room(rows.groups.values());
        let mut seen = Seen::default();
        in_order(rows.groups.values(), each, |of_group| {
            sets.push((!of_group.is_empty()).then(|| of_group.iter().copied().flatten()), &mut seen);
        });
        // They stay until all lots are there.
        sets.steps = sets.steps.as_slice().to_vec();
        sets
    }

    /// Adds the sets of other groups after these.
    pub(crate) fn append(&mut self, other: &Self) {
        let before = self.steps.len();
        self.counts.extend(&other.counts);
        self.ends.extend(other.ends.iter().map(|end| before + end));
        self.steps.extend(&other.steps);
    }

    /// The sets of groups of these sets: of each set the group that it belongs to.
    pub(crate) fn merged(&self, groups: &Codes) -> Self {
        let group_of = || groups.rows.iter().map(|group| *group as usize).zip(0_u32..);
        let mut sets = Self::with_room(groups.values());
        let mut seen = Seen::default();
        in_order(groups.values(), group_of, |parts| {
            if let [set] = *parts {
                // Nothing is there twice.
                sets.close(self.counts[set as usize], self.bytes(set));
            } else {
                let is_counted = parts.iter().any(|set| self.counts[*set as usize].is_some());
                sets.push(is_counted.then(|| parts.iter().flat_map(|set| self.numbers(*set))), &mut seen);
            }
        });
        sets
    }

    /// None yet, with room for so many.
    fn with_room(sets: usize) -> Self {
        Self { counts: Vec::with_capacity(sets), ends: Vec::with_capacity(sets), steps: Vec::new() }
    }

    /// How many numbers each set has; null where no row counted.
    pub(crate) fn counts(&self) -> impl Iterator<Item = Option<i64>> {
        self.counts.iter().map(|count| count.map(i64::from))
    }

    /// Adds a set; nothing is seen before it, nor after.
    fn push(&mut self, numbers: Option<impl Iterator<Item = u32>>, seen: &mut Seen) {
        let (mut count, mut last) = (0, 0);
        let is_counted = numbers.is_some();
        for number in numbers.into_iter().flatten() {
            if seen.is_new(number) {
                self.step(last, number);
                last = number;
                count += 1;
            }
        }
        self.close(is_counted.then_some(count), &[]);
        let set = u32::try_from(self.ends.len() - 1).unwrap_or(u32::MAX);
        self.numbers(set).for_each(|number| seen.forget(number));
    }

    fn close(&mut self, count: Option<u32>, steps: &[u8]) {
        self.steps.extend(steps);
        self.counts.push(count);
        self.ends.push(self.steps.len());
    }

    fn step(&mut self, from: u32, to: u32) {
        let difference = i64::from(to) - i64::from(from);
        // Differences of either sign as small numbers.
        let mut step = (difference << 1 ^ difference >> 63).cast_unsigned();
        while step >= MORE.into() {
            self.steps.push(low_bits(step) | MORE);
            step >>= BITS;
        }
        self.steps.push(low_bits(step));
    }

    fn bytes(&self, set: u32) -> &[u8] {
        let set = set as usize;
        let start = set.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.steps[start..self.ends[set]]
    }

    /// The numbers of a set.
    fn numbers(&self, set: u32) -> impl Iterator<Item = u32> {
        let mut bytes = self.bytes(set).iter();
        let mut last = 0_i64;
        std::iter::from_fn(move || {
            let (mut step, mut shift) = (0_u64, 0);
            loop {
                let byte = bytes.next()?;
                step |= u64::from(byte & !MORE) << shift;
                shift += BITS;
                if byte & MORE == 0 {
                    break;
                }
            }
            last += (step >> 1).cast_signed() ^ -(step & 1).cast_signed();
            u32::try_from(last).ok()
        })
    }
}

fn low_bits(step: u64) -> u8 {
    step.to_le_bytes()[0] & !MORE
}

/// Does something with the values of each group, group after group; what belongs to no group is left out.
fn in_order<T: Copy + Default, I: Iterator<Item = (usize, T)>>(groups: usize, each: impl Fn() -> I, mut of_group: impl FnMut(&[T])) {
    let mut ends = vec![0; groups];
    each().for_each(|(group, _)| ends.get_mut(group).into_iter().for_each(|count| *count += 1));
    let mut all = 0;
    for end in &mut ends {
        // The place of its first value, which moves on with each that is put there.
        let count = std::mem::replace(end, all);
        all += count;
    }
    let mut values = vec![T::default(); all];
    for (group, value) in each() {
        if let Some(next) = ends.get_mut(group) {
            values[*next] = value;
            *next += 1;
        }
    }
    let mut start = 0;
    for end in ends {
        of_group(&values[start..end]);
        start = end;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn sets_of(groups: Vec<u32>, null: u32, numbers: &[Option<u32>]) -> NumberSets {
        let groups = Codes { rows: groups, null };
        NumberSets::of_rows(&Rows { pieces: &[0..1, 1..numbers.len()], groups: &groups, filter: None }, numbers)
    }

    fn numbers_of(sets: &NumberSets) -> Vec<Option<Vec<u32>>> {
        (0..).zip(&sets.counts).map(|(set, count)| count.map(|_| sets.numbers(set).collect())).collect()
    }

    #[test]
    fn numbers_are_there_once_and_null_is_no_number() {
        let far = [Some(1 << 20), Some(0), Some(1 << 20), Some(64), None, Some(0), Some(1), None];
        let sets = sets_of(vec![0, 0, 0, 1, 3, 4, 1, 1], 4, &far);
        // The sixth row belongs to no group, the third group has no row.
        assert_eq!(numbers_of(&sets), [Some(vec![1 << 20, 0]), Some(vec![64, 1]), None, Some(vec![])]);
        assert_eq!(sets.counts().collect::<Vec<_>>(), [Some(2), Some(2), None, Some(0)]);
    }

    #[test]
    fn steps_between_any_two_numbers_come_back() {
        let mut sets = NumberSets::default();
        let numbers = [u32::MAX, 0, 1, u32::MAX - 1, 63, 64, 8_256, 1 << 31];
        let mut last = 0;
        for number in numbers {
            sets.step(last, number);
            last = number;
        }
        sets.close(Some(8), &[]);
        assert_eq!(numbers_of(&sets), [Some(numbers.to_vec())]);
    }

    #[test]
    fn sets_of_several_lots_merge() {
        let mut sets = sets_of(vec![0, 1, 1], 2, &[Some(5), Some(6), None]);
        sets.append(&sets_of(vec![0, 1], 3, &[Some(6), None]));
        assert_eq!(numbers_of(&sets), [Some(vec![5]), Some(vec![6]), Some(vec![6]), Some(vec![]), None]);
        let above = sets.merged(&Codes { rows: vec![0, 1, 1, 3, 2], null: 4 });
        assert_eq!(numbers_of(&above), [Some(vec![5]), Some(vec![6]), None, Some(vec![])]);
        let all = above.merged(&Codes { rows: vec![0, 0, 0, 1], null: 1 });
        assert_eq!(numbers_of(&all), [Some(vec![5, 6])]);
    }

    /// Numbers up and down, near and far: as many as a set of the standard library has.
    #[test]
    fn many_numbers_are_counted_as_they_are() {
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let groups: Vec<u32> = (0..20_000).map(|_| u32::try_from(random(9)).unwrap()).collect();
        let numbers: Vec<Option<u32>> = (0..20_000).map(|row| Some(u32::try_from(if random(5) == 0 { random(1 << 20) } else { row / 3 }).unwrap())).collect();
        let expected =
            |wanted: &dyn Fn(u32) -> bool| -> BTreeSet<u32> { groups.iter().zip(&numbers).filter(|(group, _)| wanted(**group)).filter_map(|(_, number)| *number).collect() };
        let sets = sets_of(groups.clone(), 9, &numbers);
        for (group, found) in (0..9).zip(numbers_of(&sets)) {
            let found = found.unwrap();
            assert_eq!((found.len(), found.into_iter().collect::<BTreeSet<u32>>()), (expected(&|other| other == group).len(), expected(&|other| other == group)));
        }
        let halves = sets.merged(&Codes { rows: (0..9).map(|group| group % 2).collect(), null: 2 });
        let counts = [0, 1].map(|half| i64::try_from(expected(&|group| group % 2 == half).len()).ok());
        assert_eq!(halves.counts().collect::<Vec<_>>(), counts);
        assert!(sets.steps.len() < 40_000, "steps are shorter than numbers");
    }
}
