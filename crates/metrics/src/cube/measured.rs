//! What is known of one measure group by group: states of the rows of a lot, of all lots, of longer periods.
//!
//! In: the states of each lot. Out: those of all lots, then level by level those of the groups above, then values.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef};
use arrow::compute::concat;
use arrow::datatypes::DataType;
use quotient_model::Agg;

use super::codes::Codes;
use super::error::CubeError;
use super::extreme::extremes_of;
use super::family::Level;
use super::number_sets::NumberSets;
use super::numbers;
use super::percentile::{Rank, Values};
use super::request::CubeMeasure;
use super::states::{Count, FloatSum, State, WideSum};

/// The states of one measure, one for each group.
#[derive(Debug, Clone)]
pub(crate) enum Measured {
    Counts(Vec<Count>),
    Distinct(NumberSets),
    WholeSums(Vec<WideSum>),
    FloatSums(Vec<FloatSum>),
    /// All values of integers and decimals, by the digits that are stored.
    WholeValues(Vec<Values<i128>>),
    FloatValues(Vec<Values<f64>>),
    /// The lowest or highest value of each group, of the type of the column.
    Extremes(ArrayRef),
}

impl Measured {
    /// The states of several lots, one lot after the other; `None` where they are not of one kind.
    pub(crate) fn joined(lots: Vec<Self>) -> Option<Self> {
        let mut lots = lots.into_iter();
        let first = lots.next()?;
        if let Self::Extremes(first) = first {
            let rest = lots.map(|lot| if let Self::Extremes(values) = lot { Some(values) } else { None });
            let all: Vec<ArrayRef> = std::iter::once(Some(first)).chain(rest).collect::<Option<_>>()?;
            return concat(&all.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>()).ok().map(Self::Extremes);
        }
        lots.try_fold(first, |all, lot| {
            Some(match (all, lot) {
                (Self::Counts(all), Self::Counts(lot)) => Self::Counts(one_after_the_other(all, lot)),
                (Self::Distinct(mut all), Self::Distinct(lot)) => {
                    all.append(&lot);
                    Self::Distinct(all)
                }
                (Self::WholeSums(all), Self::WholeSums(lot)) => Self::WholeSums(one_after_the_other(all, lot)),
                (Self::FloatSums(all), Self::FloatSums(lot)) => Self::FloatSums(one_after_the_other(all, lot)),
                (Self::WholeValues(all), Self::WholeValues(lot)) => Self::WholeValues(one_after_the_other(all, lot)),
                (Self::FloatValues(all), Self::FloatValues(lot)) => Self::FloatValues(one_after_the_other(all, lot)),
                _ => return None,
            })
        })
    }

    /// The measure's value in each group of each level, from the states of what the first level consists of.
    ///
    /// Errors: a sum that does not fit its type, naming the measure.
    pub(crate) fn values(&self, measure: &CubeMeasure, column: &DataType, levels: &[Level]) -> Result<Vec<ArrayRef>, CubeError> {
        match self {
            Self::Counts(parts) => of_states(parts, levels, |states| Ok(numbers::whole_numbers(states.into_iter().map(Count::value)))),
            Self::Distinct(parts) => raised(parts, levels, NumberSets::merged, |sets| Ok(numbers::whole_numbers(sets.counts()))),
            Self::WholeSums(parts) => of_states(parts, levels, |states| numbers::of_whole_sums(&states, measure, column)),
            Self::FloatSums(parts) => of_states(parts, levels, |states| Ok(numbers::of_float_sums(&states, measure))),
            Self::WholeValues(parts) => of_states(parts, levels, |groups| Ok(numbers::of_whole_values(groups, rank_of(measure), column))),
            Self::FloatValues(parts) => of_states(parts, levels, |groups| Ok(numbers::of_float_values(groups, rank_of(measure)))),
            Self::Extremes(parts) => {
                let mut found: Vec<ArrayRef> = Vec::with_capacity(levels.len());
                for (at, level) in levels.iter().enumerate() {
                    let parts = if at == 0 { parts } else { &found[level.part] };
                    found.push(extremes_of(measure, parts, &level.groups.codes)?);
                }
                Ok(found)
            }
        }
    }
}

/// The rank that a percentile asks for; the middle for all else.
fn rank_of(measure: &CubeMeasure) -> Rank {
    match measure.aggregate {
        Agg::Percentile { rank, discrete } => Rank { rank, discrete },
        _ => Rank { rank: 0.5, discrete: false },
    }
}

fn one_after_the_other<S>(mut all: Vec<S>, mut more: Vec<S>) -> Vec<S> {
    all.append(&mut more);
    all
}

/// The values of each level, from what is known of the parts of the first; that of a level goes when no further level is made of it.
fn raised<P>(parts: &P, levels: &[Level], merged: impl Fn(&P, &Codes) -> P, values: impl Fn(P) -> Result<ArrayRef, CubeError>) -> Result<Vec<ArrayRef>, CubeError> {
    let mut waiting: BTreeMap<usize, P> = BTreeMap::new();
    let mut found = BTreeMap::new();
    for (at, level) in levels.iter().enumerate() {
        let parts = if at == 0 { parts } else { &waiting[&level.part] };
        let states = merged(parts, &level.groups.codes);
        waiting.insert(at, states);
        let is_needed = |part: &usize| levels[at + 1..].iter().any(|later| later.part == *part);
        for (at, states) in waiting.extract_if(.., |part, _| !is_needed(part)) {
            found.insert(at, values(states)?);
        }
    }
    Ok(found.into_values().collect())
}

/// The same from states.
fn of_states<S: State>(parts: &Vec<S>, levels: &[Level], values: impl Fn(Vec<S>) -> Result<ArrayRef, CubeError>) -> Result<Vec<ArrayRef>, CubeError> {
    raised(parts, levels, |parts, groups| merged(parts, groups), values)
}

/// Merges states into those of their groups.
fn merged<S: State>(parts: &[S], groups: &Codes) -> Vec<S> {
    let mut states = vec![S::default(); groups.values()];
    for (group, part) in groups.rows.iter().zip(parts) {
        if let Some(state) = states.get_mut(*group as usize) {
            state.merge(part.clone());
        }
    }
    states
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;

    use super::super::grouping::Groups;
    use super::*;

    fn level(part: usize, codes: Codes) -> Level {
        Level { grouping: 0, part, groups: Groups { first_rows: codes.first_rows(), codes } }
    }

    fn sum(value: i128) -> WideSum {
        let mut sum = WideSum::default();
        sum.add(Some(value));
        sum
    }

    #[test]
    fn groups_are_merged_into_those_above_them() {
        let levels =
            [level(0, Codes { rows: vec![0, 1, 2, 3, 2, 4], null: 4 }), level(0, Codes { rows: vec![0, 0, 1, 1], null: 2 }), level(1, Codes { rows: vec![0, 0], null: 1 })];
        let lots = vec![Measured::WholeSums((1..=2).map(sum).collect()), Measured::WholeSums((3..=6).map(sum).collect())];
        let measure = CubeMeasure { name: "units".to_owned(), column: Some(0), filter: None, aggregate: Agg::Sum };
        let found = Measured::joined(lots).unwrap().values(&measure, &DataType::Int64, &levels).unwrap();
        let found: Vec<&[i64]> = found.iter().map(|values| &values.as_primitive::<Int64Type>().values()[..]).collect();
        // The sixth part belongs to no group.
        assert_eq!(found, [&[1_i64, 2, 8, 4][..], &[3, 12], &[15]]);
    }

    #[test]
    fn lots_of_other_kinds_do_not_join() {
        assert!(Measured::joined(vec![Measured::Counts(Vec::new()), Measured::WholeSums(Vec::new())]).is_none());
    }
}
