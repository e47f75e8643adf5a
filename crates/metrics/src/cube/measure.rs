//! One measure of a request: its columns in a lot of rows, read once, and its states in any grouping of them.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field};

use quotient_model::Agg;

use super::accumulate::{Rows, accumulate};
use super::codes::Codes;
use super::error::CubeError;
use super::extreme;
use super::fact::Fact;
use super::measured::Measured;
use super::number_sets::NumberSets;
use super::numbers;
use super::request::CubeMeasure;
use super::states::Count;

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
    /// The number over all lots of the value of each row, where different values are counted.
    numbers: Option<&'a [Option<u32>]>,
}

impl Column<'_> {
    /// The error of an aggregate that does not take the column's type.
    pub(crate) fn unsupported(&self, expected: &str) -> CubeError {
        CubeError::UnsupportedType { column: self.field.name().clone(), found: self.field.data_type().clone(), expected: expected.to_owned() }
    }
}

/// The column whose codes a measure reads, if any: to compare what is not a number.
pub(crate) fn coded_column(fact: &Fact<'_>, spec: &CubeMeasure) -> Result<Option<usize>, CubeError> {
    let Some(index) = spec.column else {
        return Ok(None);
    };
    Ok(match spec.aggregate {
        Agg::Min | Agg::Max if !fact.field(index)?.data_type().is_primitive() => Some(index),
        _ => None,
    })
}

impl<'a> Measure<'a> {
    /// Reads the columns of a measure; `codes` holds what [`coded_column`] asked for, `numbers` what distinct counts need.
    pub(crate) fn new(fact: &Fact<'a>, spec: &'a CubeMeasure, codes: &'a BTreeMap<usize, Codes>, numbers: &'a BTreeMap<usize, Vec<Option<u32>>>) -> Result<Self, CubeError> {
        let column = match spec.column {
            Some(index) => {
                let numbers = numbers.get(&index).map(Vec::as_slice);
                Some(Column { index, field: fact.field(index)?, pieces: fact.column(index)?, codes: codes.get(&index), numbers })
            }
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

    /// Whether another measure of the same rows has the same state in every group of them.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.counts_rows() && other.counts_rows()
    }

    /// Whether it counts every row.
    fn counts_rows(&self) -> bool {
        let has_all = |column: &Column<'_>| column.pieces.iter().all(|piece| piece.logical_null_count() == 0);
        self.spec.aggregate == Agg::Count && self.filter.is_none() && self.column.as_ref().is_none_or(has_all)
    }

    /// The type of its column.
    pub(crate) fn data_type(&self) -> DataType {
        self.column.as_ref().map_or(DataType::Null, |column| column.field.data_type().clone())
    }

    /// The measure's state in each group of the rows.
    pub(crate) fn of_groups(&self, fact: &Fact<'_>, groups: &Codes) -> Result<Measured, CubeError> {
        let rows = Rows { pieces: &fact.pieces, groups, filter: self.filter.as_deref() };
        let Some(column) = &self.column else {
            return Ok(Measured::Counts(accumulate(&rows, |_| std::iter::repeat(Some(())))));
        };
        match self.spec.aggregate {
            Agg::Sum => numbers::sums(column, &rows),
            Agg::Average => numbers::averages(column, &rows),
            Agg::Median | Agg::Percentile { .. } => numbers::all_values(column, &rows),
            Agg::Min => extreme::extremes::<false>(column, &rows, fact).map(Measured::Extremes),
            Agg::Max => extreme::extremes::<true>(column, &rows, fact).map(Measured::Extremes),
            Agg::Count => Ok(Measured::Counts(valid_values(column, &rows))),
            Agg::CountDistinct => column.numbers.map(|numbers| Measured::Distinct(NumberSets::of_rows(&rows, numbers))).ok_or_else(|| column.unsupported("a type with numbers")),
            Agg::SumBoolean => true_values(column, &rows).map(Measured::Counts),
        }
    }
}

fn valid_values(column: &Column<'_>, rows: &Rows<'_>) -> Vec<Count> {
    accumulate(rows, |piece| {
        let values = &column.pieces[piece];
        let nulls = values.logical_nulls();
        (0..values.len()).map(move |row| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)).then_some(()))
    })
}

fn true_values(column: &Column<'_>, rows: &Rows<'_>) -> Result<Vec<Count>, CubeError> {
    if column.field.data_type() != &DataType::Boolean {
        return Err(column.unsupported("Boolean"));
    }
    Ok(accumulate(rows, |piece| column.pieces[piece].as_boolean().iter().map(|value| (value == Some(true)).then_some(()))))
}
