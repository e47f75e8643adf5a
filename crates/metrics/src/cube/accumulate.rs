//! The inner loop: values of rows into the states of their groups.
//!
//! In: group numbers, an optional filter, the values of each piece of rows. Out: one state per group.

use std::borrow::Cow;
use std::ops::Range;

use arrow::array::{ArrayRef, AsArray};
use rayon::prelude::*;

use super::codes::Codes;
use super::states::State;

/// Rows per thread below which another thread is not worth its own states.
const SHARE: usize = 1 << 16;

/// Rows as one measure sees them in one grouping.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'a> {
    /// Consecutive row ranges; values come in the same pieces.
    pub(crate) pieces: &'a [Range<usize>],
    /// The group number of each row, and the null code where a row belongs to none.
    pub(crate) groups: &'a Codes,
    /// Boolean pieces; rows where it is not true do not count.
    pub(crate) filter: Option<&'a [ArrayRef]>,
}

impl Rows<'_> {
    /// Group numbers of the rows of a piece; rows that do not count have a number beyond all groups.
    pub(crate) fn groups_of(&self, piece: usize) -> Cow<'_, [u32]> {
        let groups = &self.groups.rows[self.pieces[piece].clone()];
        match self.filter {
            None => Cow::Borrowed(groups),
            Some(filter) => groups.iter().zip(filter[piece].as_boolean()).map(|(group, passes)| if passes == Some(true) { *group } else { u32::MAX }).collect(),
        }
    }

    /// In how many shares the pieces are taken: more than one only where rows outnumber states by far.
    fn shares(&self) -> usize {
        let worth = self.groups.values().saturating_mul(4).max(SHARE);
        (self.groups.rows.len() / worth).clamp(1, rayon::current_num_threads().max(1))
    }
}

/// Takes every row that counts into the state of its group.
///
/// `values` yields the values of a piece, one per row.
pub(crate) fn accumulate<S, I>(rows: &Rows<'_>, values: impl Fn(usize) -> I + Sync) -> Vec<S>
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
            let mut states = vec![S::default(); rows.groups.values()];
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

    use super::super::states::{Count, WideSum};
    use super::*;

    #[test]
    fn rows_outside_and_filtered_rows_do_not_count() {
        let groups = Codes { rows: vec![0, 1, 2, 0], null: 2 };
        let filter: [ArrayRef; 2] = [Arc::new(BooleanArray::from(vec![true, false, true])), Arc::new(BooleanArray::from(vec![None]))];
        let rows = Rows { pieces: &[0..3, 3..4], groups: &groups, filter: Some(&filter) };
        let counts: Vec<Count> = accumulate(&rows, |_| std::iter::repeat(Some(())));
        let found: Vec<Option<i64>> = counts.into_iter().map(Count::value).collect();
        assert_eq!(found, [Some(1), None]);
    }

    #[test]
    fn many_pieces_over_threads_sum_as_one() {
        let length = 4 * SHARE;
        let groups = Codes { rows: (0..3).cycle().take(length).collect(), null: 2 };
        let pieces: Vec<Range<usize>> = (0..length).step_by(1_000).map(|start| start..length.min(start + 1_000)).collect();
        let rows = Rows { pieces: &pieces, groups: &groups, filter: None };
        let sums: Vec<WideSum> = accumulate(&rows, |piece| pieces[piece].clone().map(|row| i128::try_from(row).ok()));
        let expected = |group: usize| (group..length).step_by(3).sum::<usize>();
        for (group, sum) in sums.iter().enumerate() {
            let found = sum.value().unwrap().unwrap();
            assert_eq!(found, i128::try_from(expected(group)).unwrap());
        }
        assert_eq!(sums.len(), 2);
    }
}
