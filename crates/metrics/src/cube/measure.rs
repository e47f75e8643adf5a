//! One measure of a request: its columns, read once, and its aggregation in any grouping.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::{DataType, Field};

use quotient_model::Agg;

use super::accumulate::{Rows, accumulate};
use super::codes::{Codes, Order};
use super::error::CubeError;
use super::extreme;
use super::fact::Fact;
use super::family::Level;
use super::numbers;
use super::percentile::Rank;
use super::request::CubeMeasure;
use super::states::{Count, Distinct};

/// A measure with everything it reads.
#[derive(Debug)]
pub(crate) struct Measure<'a> {
    spec: &'a CubeMeasure,
    column: Option<Column<'a>>,
    filter: Option<Vec<ArrayRef>>,
}

/// The column that a measure aggregates, in the pieces of the fact.
#[derive(Debug)]
pub(crate) struct Column<'a> {
    pub(crate) index: usize,
    pub(crate) field: &'a Field,
    pub(crate) pieces: Vec<ArrayRef>,
    /// Present where [`coded_column`] asks for them.
    pub(crate) codes: Option<&'a Codes>,
}

impl Column<'_> {
    /// The error of an aggregate that does not take the column's type.
    pub(crate) fn unsupported(&self, expected: &str) -> CubeError {
        CubeError::UnsupportedType { column: self.field.name().clone(), found: self.field.data_type().clone(), expected: expected.to_owned() }
    }
}

/// The column whose codes a measure reads, if any: for distinct counts, and to compare what is not a number.
pub(crate) fn coded_column(fact: &Fact<'_>, spec: &CubeMeasure) -> Result<Option<(usize, Order)>, CubeError> {
    let Some(index) = spec.column else {
        return Ok(None);
    };
    Ok(match spec.aggregate {
        Agg::CountDistinct => Some((index, Order::AsFound)),
        Agg::Min | Agg::Max if !fact.field(index)?.data_type().is_primitive() => Some((index, Order::Ascending)),
        _ => None,
    })
}

impl<'a> Measure<'a> {
    /// Reads the columns of a measure; `codes` holds what [`coded_column`] asked for.
    pub(crate) fn new(fact: &Fact<'a>, spec: &'a CubeMeasure, codes: &'a BTreeMap<usize, Codes>) -> Result<Self, CubeError> {
        let column = match spec.column {
            Some(index) => Some(Column { index, field: fact.field(index)?, pieces: fact.column(index)?, codes: codes.get(&index) }),
            None if spec.aggregate == Agg::Count => None,
            None => {
                return Err(CubeError::NoColumn { measure: spec.name.clone() });
            }
        };
        if let Agg::Percentile { rank, .. } = spec.aggregate
            && !(0.0..=1.0).contains(&rank)
        {
            return Err(CubeError::InvalidRank { measure: spec.name.clone(), rank });
        }
        let filter = spec.filter.map(|index| fact.booleans(index)).transpose()?;
        Ok(Self { spec, column, filter })
    }

    /// Name of the measure.
    pub(crate) fn name(&self) -> &'a str {
        &self.spec.name
    }

    /// The measure's value in each group, level by level.
    pub(crate) fn aggregate(&self, fact: &Fact<'_>, levels: &[Level]) -> Result<Vec<ArrayRef>, CubeError> {
        let rows = Rows { pieces: &fact.pieces, levels, filter: self.filter.as_deref() };
        let Some(column) = &self.column else {
            return Ok(counts(accumulate(&rows, |_| std::iter::repeat(Some(())))));
        };
        match self.spec.aggregate {
            Agg::Sum => numbers::sums(column, &rows, self.name()),
            Agg::Average => numbers::averages(column, &rows, self.name()),
            Agg::Median => {
                let middle = Rank { rank: 0.5, discrete: false };
                numbers::percentiles(column, &rows, middle)
            }
            Agg::Percentile { rank, discrete } => numbers::percentiles(column, &rows, Rank { rank, discrete }),
            Agg::Min => extreme::extremes::<false>(column, &rows, fact),
            Agg::Max => extreme::extremes::<true>(column, &rows, fact),
            Agg::Count => Ok(valid_values(column, &rows)),
            Agg::CountDistinct => distinct_values(column, fact, &rows),
            Agg::SumBoolean => true_values(column, &rows),
        }
    }
}

fn valid_values(column: &Column<'_>, rows: &Rows<'_>) -> Vec<ArrayRef> {
    counts(accumulate(rows, |piece| {
        let values = &column.pieces[piece];
        let nulls = values.logical_nulls();
        (0..values.len()).map(move |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then_some(()))
    }))
}

fn true_values(column: &Column<'_>, rows: &Rows<'_>) -> Result<Vec<ArrayRef>, CubeError> {
    if column.field.data_type() != &DataType::Boolean {
        return Err(column.unsupported("Boolean"));
    }
    Ok(counts(accumulate(rows, |piece| column.pieces[piece].as_boolean().iter().map(|value| (value == Some(true)).then_some(())))))
}

fn distinct_values(column: &Column<'_>, fact: &Fact<'_>, rows: &Rows<'_>) -> Result<Vec<ArrayRef>, CubeError> {
    let codes = column.codes.ok_or_else(|| column.unsupported("a type with codes"))?;
    let null = codes.null;
    let levels: Vec<Vec<Distinct>> = accumulate(rows, |piece| codes.rows[fact.pieces[piece].clone()].iter().map(move |code| (*code != null).then_some(*code)));
    Ok(levels.into_iter().map(|states| whole_numbers(states.into_iter().map(Distinct::value))).collect())
}

fn counts(levels: Vec<Vec<Count>>) -> Vec<ArrayRef> {
    levels.into_iter().map(|states| whole_numbers(states.into_iter().map(Count::value))).collect()
}

fn whole_numbers(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}
