//! The inner loop: values of rows into the states of their groups, and these into the states of the groups above them.
//!
//! In: group numbers, an optional filter, the values of each piece of rows. Out: one state per group, level by level.

use std::borrow::Cow;
use std::ops::Range;

use arrow::array::{ArrayRef, AsArray};
use rayon::prelude::*;

use super::codes::Codes;
use super::family::Level;
use super::states::State;

/// Rows per thread below which another thread is not worth its own states.
const SHARE: usize = 1 << 16;

/// The rows of a fact as one measure sees them in groupings of the same keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    /// Consecutive row ranges; values come in the same pieces.
    pub(crate) pieces: &'a [Range<usize>],
    /// The groupings: the first has the group number of each row, and the null code where a row belongs to none.
    pub(crate) levels: &'a [Level],
    /// Boolean pieces; rows where it is not true do not count.
    pub(crate) filter: Option<&'a [ArrayRef]>,
}

impl Rows<'_> {
    /// Group numbers of the rows of a piece; rows that do not count have a number beyond all groups.
    fn groups_of(&self, piece: usize) -> Cow<'_, [u32]> {
        let groups = &self.groups().rows[self.pieces[piece].clone()];
        match self.filter {
            None => Cow::Borrowed(groups),
            Some(filter) => groups.iter().zip(filter[piece].as_boolean()).map(|(group, passes)| if passes == Some(true) { *group } else { u32::MAX }).collect(),
        }
    }

    fn groups(&self) -> &Codes {
        &self.levels[0].groups.codes
    }

    /// In how many shares the pieces are taken: more than one only where rows outnumber states by far.
    fn shares(&self) -> usize {
        let groups = self.groups();
        let worth = groups.values().saturating_mul(4).max(SHARE);
        (groups.rows.len() / worth).clamp(1, rayon::current_num_threads().max(1))
    }
}

/// Takes every row that counts into the state of its group, and the states of groups into those above them; gives the states of each level.
///
/// `values` yields the values of a piece, one per row.
pub(crate) fn accumulate<S, I>(rows: &Rows<'_>, values: impl Fn(usize) -> I + Sync) -> Vec<Vec<S>>
where
    S: State,
    I: Iterator<Item = Option<S::Value>>,
{
    let mut levels: Vec<Vec<S>> = vec![of_rows(rows, values)];
    for level in &rows.levels[1..] {
        let mut states = vec![S::default(); level.groups.codes.values()];
        for (group, part) in level.groups.codes.rows.iter().zip(&levels[level.part]) {
            if let Some(state) = states.get_mut(*group as usize) {
                state.merge(part.clone());
            }
        }
        levels.push(states);
    }
    levels
}

fn of_rows<S, I>(rows: &Rows<'_>, values: impl Fn(usize) -> I + Sync) -> Vec<S>
where
    S: State,
    I: Iterator<Item = Option<S::Value>>,
{
    let pieces = rows.pieces.len();
    let shares = rows.shares();
    let size = pieces.div_ceil(shares);
    (0..shares)
        .into_par_iter()
        .map(|share| {
            let mut states = vec![S::default(); rows.groups().values()];
            for piece in share * size..pieces.min((share + 1) * size) {
                for (group, value) in rows.groups_of(piece).iter().zip(values(piece)) {
                    if let Some(state) = states.get_mut(*group as usize) {
                        state.add(value);
                    }
                }
            }
            states
        })
        .reduce_with(merged)
        .unwrap_or_default()
}

fn merged<S: State>(mut left: Vec<S>, right: Vec<S>) -> Vec<S> {
    for (state, other) in left.iter_mut().zip(right) {
        state.merge(other);
    }
    left
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::BooleanArray;

    use super::super::grouping::Groups;
    use super::super::states::{Count, WideSum};
    use super::*;

    fn level(codes: Codes) -> Level {
        Level { grouping: 0, part: 0, groups: Groups { first_rows: codes.first_rows(), codes } }
    }

    #[test]
    fn rows_outside_and_filtered_rows_do_not_count() {
        let levels = [level(Codes { rows: vec![0, 1, 2, 0], null: 2 })];
        let filter: [ArrayRef; 2] = [Arc::new(BooleanArray::from(vec![true, false, true])), Arc::new(BooleanArray::from(vec![None]))];
        let rows = Rows { pieces: &[0..3, 3..4], levels: &levels, filter: Some(&filter) };
        let counts: Vec<Vec<Count>> = accumulate(&rows, |_| std::iter::repeat(Some(())));
        let found: Vec<Option<i64>> = counts.into_iter().flatten().map(Count::value).collect();
        assert_eq!(found, [Some(1), None]);
    }

    #[test]
    fn groups_are_merged_into_those_above_them() {
        let levels = [
            level(Codes { rows: vec![0, 1, 2, 3, 2], null: 4 }),
            level(Codes { rows: vec![0, 0, 1, 1], null: 2 }),
            Level { part: 1, ..level(Codes { rows: vec![0, 0], null: 1 }) },
        ];
        let rows = Rows { pieces: &[0..2, 2..5], levels: &levels, filter: None };
        let sums: Vec<Vec<WideSum>> = accumulate(&rows, |piece| [1..=2, 3..=5][piece].clone().map(Some));
        let found: Vec<Vec<Option<i128>>> = sums.into_iter().map(|level| level.iter().map(|sum| sum.value().unwrap()).collect()).collect();
        assert_eq!(found, [vec![Some(1), Some(2), Some(8), Some(4)], vec![Some(3), Some(12)], vec![Some(15)]]);
    }

    #[test]
    fn many_pieces_over_threads_sum_as_one() {
        let length = 4 * SHARE;
        let levels = [level(Codes { rows: (0..3).cycle().take(length).collect(), null: 2 })];
        let pieces: Vec<Range<usize>> = (0..length).step_by(1_000).map(|start| start..length.min(start + 1_000)).collect();
        let rows = Rows { pieces: &pieces, levels: &levels, filter: None };
        let sums: Vec<WideSum> = accumulate(&rows, |piece| pieces[piece].clone().map(|row| i128::try_from(row).ok())).swap_remove(0);
        let expected = |group: usize| (group..length).step_by(3).sum::<usize>();
        for (group, sum) in sums.iter().enumerate() {
            let found = sum.value().unwrap().unwrap();
            assert_eq!(found, i128::try_from(expected(group)).unwrap());
        }
        assert_eq!(sums.len(), 2);
    }
}
