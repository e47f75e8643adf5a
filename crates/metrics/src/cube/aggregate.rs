//! From a request to its answers: read and encode each column once, then every family of groupings on its own.
//!
//! Families, and the measures within them, run in parallel on the current rayon pool.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::record_batch::RecordBatch;
use rayon::prelude::*;

use super::codes::{Codes, Order, encode};
use super::error::CubeError;
use super::fact::Fact;
use super::family::{Family, Level};
use super::measure::{Measure, coded_column};
use super::output::Output;
use super::request::{CubeRequest, Grouping};

/// Answers a request: one batch per grouping, in the same order.
///
/// A group exists where the fact has a row in it; without rows the batches are empty, with the same schema.
/// Row order, split into batches and thread count never change a bit of a value in the answer.
///
/// # Errors
///
/// A column that is not there or has a type that its use does not allow, a measure without its column, a percentile
/// rank outside 0 to 1, a period without a time column, or a sum that does not fit its type.
pub fn aggregate(request: &CubeRequest<'_>) -> Result<Vec<RecordBatch>, CubeError> {
    let fact = Fact::new(request)?;
    let days = fact.days()?;
    let codes = encode_columns(&fact, request)?;
    let measures = request.measures.iter().map(|spec| Measure::new(&fact, spec, &codes)).collect::<Result<Vec<_>, _>>()?;
    let prepared = Prepared { fact: &fact, days: days.as_deref(), codes: &codes, measures: &measures };
    let answers: Vec<Result<Vec<(usize, RecordBatch)>, CubeError>> = Family::of(request.groupings).par_iter().map(|family| prepared.answers(family)).collect();
    let mut answers: Vec<(usize, RecordBatch)> = answers.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    answers.sort_by_key(|(grouping, _)| *grouping);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

/// Number of rows whose time is null: no grouping with a period has them.
///
/// A batch without column `time` has no time in any row.
#[must_use]
pub fn rows_without_time(batches: &[RecordBatch], time: usize) -> usize {
    batches
        .iter()
        .map(|batch| match batch.columns().get(time) {
            Some(column) => column.logical_null_count(),
            None => batch.num_rows(),
        })
        .sum()
}

/// Codes of every column that is a key or that a measure reads by code.
fn encode_columns(fact: &Fact<'_>, request: &CubeRequest<'_>) -> Result<BTreeMap<usize, Codes>, CubeError> {
    let mut columns: BTreeMap<usize, Order> = request.groupings.iter().flat_map(|grouping| grouping.keys.iter().map(|key| (*key, Order::Ascending))).collect();
    for spec in request.measures {
        if let Some((column, order)) = coded_column(fact, spec)? {
            columns.entry(column).and_modify(|known| *known = order.max(*known)).or_insert(order);
        }
    }
    let encoded: Vec<Result<(usize, Codes), CubeError>> = columns
        .into_par_iter()
        .map(|(index, order)| {
            let codes = encode(fact.field(index)?, &fact.column(index)?, order)?;
            Ok((index, codes))
        })
        .collect();
    encoded.into_iter().collect()
}

/// What all groupings share.
struct Prepared<'a> {
    fact: &'a Fact<'a>,
    days: Option<&'a [Option<i32>]>,
    codes: &'a BTreeMap<usize, Codes>,
    measures: &'a [Measure<'a>],
}

impl Prepared<'_> {
    /// The answers to the groupings of a family, each with its place in the request.
    fn answers(&self, family: &Family<'_>) -> Result<Vec<(usize, RecordBatch)>, CubeError> {
        let levels = family.levels(self.fact.rows, self.days, self.codes)?;
        let aggregated: Vec<Result<Vec<ArrayRef>, CubeError>> = self.measures.par_iter().map(|measure| measure.aggregate(self.fact, &levels)).collect();
        let aggregated = aggregated.into_iter().collect::<Result<Vec<_>, _>>()?;
        let answer = |(at, level): (usize, &Level)| {
            let Grouping { period, keys } = family.groupings[level.grouping];
            let mut output = Output::default();
            if let Some((days, periods)) = self.days.zip(period) {
                output.add_periods(&level.groups, days, periods);
            }
            for key in keys {
                output.add_key(&level.groups, self.fact, *key)?;
            }
            for (measure, values) in self.measures.iter().zip(&aggregated) {
                output.add(measure.name(), Arc::clone(&values[at]));
            }
            Ok((level.grouping, output.finish(&level.groups)?))
        };
        levels.iter().enumerate().map(answer).collect()
    }
}
