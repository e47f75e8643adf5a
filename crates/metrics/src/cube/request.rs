//! What the cube is asked: rows, measures and groupings.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::period_starts::PeriodStarts;

/// One fact, and everything that is asked of it.
#[derive(Clone, Debug)]
pub struct CubeRequest<'a> {
    /// Schema of all batches; it decides the types of the answer when there is no row.
    pub schema: SchemaRef,
    /// Rows of the fact, in any order and any split.
    pub batches: &'a [RecordBatch],
    /// Index of the Date32 column that is the metric time.
    pub time: Option<usize>,
    /// What is aggregated in every grouping.
    pub measures: &'a [CubeMeasure],
    /// How the rows are grouped; one batch is answered for each.
    pub groupings: &'a [Grouping<'a>],
}

/// One aggregated column of the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct CubeMeasure {
    /// Name of the column in the answer.
    pub name: String,
    /// Index of the column to aggregate; `None` only for [`Aggregate::Count`], which then counts rows.
    pub column: Option<usize>,
    /// Index of a Boolean column; a row counts when it is true.
    ///
    /// In a group where no row passes the measure is null, counts too.
    pub filter: Option<usize>,
    /// How the values of a group become one.
    pub aggregate: Aggregate,
}

/// How the values of a group become one; nulls are ignored, and all null gives null unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Aggregate {
    /// Exact sum: integers to Int64, decimals to Decimal128(38, scale), floats to Float64 rounded once.
    Sum,
    /// Lowest value, same type; NaN is above every number, and negative zero is zero.
    Min,
    /// Highest value, same type; NaN is above every number, and negative zero is zero.
    Max,
    /// Number of values that are not null, or of rows; Int64.
    Count,
    /// Number of different values that are not null; Int64.
    CountDistinct,
    /// Number of true values; Int64, 0 when all are false or null.
    SumBoolean,
    /// Exact sum divided by the number of values; Float64.
    Average,
    /// Continuous percentile at 0.5; Float64.
    Median,
    /// Value at a rank; Float64.
    Percentile {
        /// Rank from 0 (lowest) to 1 (highest).
        rank: f64,
        /// True: the smallest value whose cumulative share reaches the rank.
        /// False: linear interpolation between the two closest ranks.
        discrete: bool,
    },
}

/// One way of grouping the rows.
///
/// The answer has the columns `period_start` (Date32, only with a period), the keys under their own names,
/// then the measures; its rows ascend by period, then by keys with nulls last.
/// A null key is a group of its own.
#[derive(Clone, Copy, Debug)]
pub struct Grouping<'a> {
    /// Periods of the time column; rows without a time, or outside the periods, are left out.
    pub period: Option<&'a PeriodStarts>,
    /// Indexes of the key columns.
    pub keys: &'a [usize],
}
