//! What the cube is asked: rows, measures and groupings.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use quotient_model::Agg;

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
    /// Index of the column to aggregate; `None` only for [`Agg::Count`], which then counts rows.
    pub column: Option<usize>,
    /// Index of a Boolean column; a row counts when it is true.
    ///
    /// In a group where no row passes the measure is null, counts too.
    pub filter: Option<usize>,
    /// How the values of a group become one.
    pub aggregate: Agg,
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
