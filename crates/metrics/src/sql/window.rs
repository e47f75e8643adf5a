//! Exact SQL window functions over a data frame.
//!
//! In: a frame and a [`WindowRequest`], which names columns only; expressions are evaluated before.
//! Out: the same rows in the same order, with one column appended for each call.
//! Polars has no window of its own that keeps peers, explicit frames and decimals as SQL states them.
//! Not here: binding, types of expressions, and RANGE frames with a distance, which are refused.

mod codes;
mod extremes;
mod firsts;
mod layout;
mod places;
mod sums;

use std::collections::BTreeSet;
use std::ops::Range;

use polars::prelude::{Column, DataFrame, PolarsError, PolarsResult, Series};

pub(crate) use self::firsts::firsts;
use self::layout::Layout;

/// Calls that share their partitions and their order.
#[derive(Clone, Debug)]
pub(crate) struct WindowRequest {
    /// Key columns; nulls form one partition; no key means one partition.
    pub(crate) partition_by: Vec<String>,
    /// Sort keys; rows equal in all of them are peers; no key means that all rows are peers.
    pub(crate) order_by: Vec<OrderKey>,
    /// What to compute, each into a column of its own.
    pub(crate) calls: Vec<WindowCall>,
}

/// One sort key.
#[derive(Clone, Debug)]
pub(crate) struct OrderKey {
    /// The column to sort by.
    pub(crate) column: String,
    /// Largest first; where nulls go does not depend on it.
    pub(crate) descending: bool,
    /// Nulls before all values, otherwise after them.
    pub(crate) nulls_first: bool,
}

/// One function over one frame.
#[derive(Clone, Debug)]
pub(crate) struct WindowCall {
    /// Name of the appended column; a name that the frame has already is an error.
    pub(crate) output: String,
    /// The function.
    pub(crate) function: WindowFunction,
    /// The column it reads; the ranks and `count(*)` read none.
    pub(crate) argument: Option<String>,
    /// `lag` and `lead`: the column whose value of the current row stands in outside the partition.
    pub(crate) default: Option<String>,
    /// `lag` and `lead`: rows back or ahead; a negative one turns the direction around.
    pub(crate) offset: i64,
    /// Aggregates: a boolean column; rows where it is false or null do not count.
    pub(crate) filter: Option<String>,
    /// Rows that aggregates and first and last values look at; the others ignore it.
    pub(crate) frame: Frame,
}

/// The functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowFunction {
    /// Position in the partition from 1, Int64.
    RowNumber,
    /// Position of the first peer, Int64.
    Rank,
    /// Number of the peer group from 1, Int64.
    DenseRank,
    /// The value `offset` rows before.
    Lag,
    /// The value `offset` rows after.
    Lead,
    /// The value of the first row of the frame, null included.
    FirstValue,
    /// The value of the last row of the frame, null included.
    LastValue,
    /// Int64 of integers, Decimal(38, s) of decimals, Float64 of floats; null without a value.
    Sum,
    /// Float64; null without a value.
    Avg,
    /// The least value, in the type of the argument; null without a value.
    Min,
    /// The greatest value, in the type of the argument; null without a value.
    Max,
    /// Values that are not null, Int64.
    Count,
    /// Rows, Int64.
    CountRows,
}

/// Which rows around the current one a call looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// What a bound counts.
    pub(crate) units: FrameUnits,
    /// The first row.
    pub(crate) start: Bound,
    /// The last row.
    pub(crate) end: Bound,
}

/// What the bounds of a frame count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameUnits {
    /// Rows.
    Rows,
    /// Peer groups: the current row stands for all of its peers.
    Range,
}

/// One end of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The first row of the partition.
    UnboundedPreceding,
    /// So many rows before.
    Preceding(u64),
    /// The row, or all of its peers.
    CurrentRow,
    /// So many rows after.
    Following(u64),
    /// The last row of the partition.
    UnboundedFollowing,
}

/// Appends the columns of `request` to `frame`.
///
/// In: `frame`, in any number of chunks. Out: its rows in their order, and the outputs behind its columns.
/// Rows that are equal in all sort keys keep the order of `frame`, so the answer is always the same one.
///
/// # Errors
/// `ComputeError` for a frame or a type that is not supported and for a sum that overflows;
/// the error of Polars for a column that is missing or that exists twice.
pub(crate) fn evaluate(mut frame: DataFrame, request: &WindowRequest) -> PolarsResult<DataFrame> {
    in_one_piece(&mut frame, request)?;
    let layout = Layout::new(&frame, request)?;
    let mut outputs = Vec::with_capacity(request.calls.len());
    for call in &request.calls {
        let input = Input { frame: &frame, layout: &layout, call };
        let answer = compute(&input)?;
        outputs.push(Column::from(answer.with_name(call.output.as_str().into())));
    }
    frame.hstack(&outputs)
}

/// Brings the columns that a request reads into one piece each; the others stay as they are.
fn in_one_piece(frame: &mut DataFrame, request: &WindowRequest) -> PolarsResult<()> {
    let of_calls = request.calls.iter().flat_map(|call| [&call.argument, &call.default, &call.filter]).flatten();
    let names: BTreeSet<&String> = request.partition_by.iter().chain(request.order_by.iter().map(|key| &key.column)).chain(of_calls).collect();
    for name in names {
        let column = frame.column(name)?.rechunk();
        frame.with_column(column)?;
    }
    Ok(())
}

fn compute(input: &Input<'_>) -> PolarsResult<Series> {
    let function = input.call.function;
    let aggregate = matches!(function, WindowFunction::Sum | WindowFunction::Avg | WindowFunction::Min | WindowFunction::Max | WindowFunction::Count | WindowFunction::CountRows);
    if !aggregate && input.call.filter.is_some() {
        let output = &input.call.output;
        return Err(refusal(format!("window column `{output}`: FILTER is for aggregates only")));
    }
    match function {
        WindowFunction::RowNumber | WindowFunction::Rank | WindowFunction::DenseRank => Ok(places::ranks(input)),
        WindowFunction::Lag | WindowFunction::Lead => places::neighbours(input),
        WindowFunction::FirstValue | WindowFunction::LastValue => places::ends(input),
        WindowFunction::Sum => sums::sum(input),
        WindowFunction::Avg => sums::average(input),
        WindowFunction::Count | WindowFunction::CountRows => sums::count(input),
        WindowFunction::Min | WindowFunction::Max => extremes::extreme(input),
    }
}

/// One call with what it works on.
struct Input<'a> {
    frame: &'a DataFrame,
    layout: &'a Layout,
    call: &'a WindowCall,
}

impl<'a> Input<'a> {
    /// A column as one chunk.
    fn column(&self, name: &str) -> PolarsResult<&'a Series> {
        Ok(self.frame.column(name)?.as_materialized_series())
    }

    /// The column that the function reads.
    fn argument(&self) -> PolarsResult<&'a Series> {
        match &self.call.argument {
            Some(name) => self.column(name),
            None => Err(refusal(format!("window column `{}`: {:?} needs an argument", self.call.output, self.call.function))),
        }
    }

    /// The frame of every position.
    fn frames(&self) -> PolarsResult<Vec<Range<usize>>> {
        self.layout.frames(self.call.frame)
    }

    /// Brings values of rows into sorted positions, without those that the filter takes away.
    fn cells<T: Copy>(&self, values: &[Option<T>]) -> PolarsResult<Vec<Option<T>>> {
        let Some(name) = &self.call.filter else {
            return Ok(self.layout.rows.iter().map(|&row| values[row]).collect());
        };
        let kept: Vec<bool> = self.column(name)?.bool()?.iter().map(|keep| keep == Some(true)).collect();
        let rows = self.layout.rows.iter();
        Ok(rows.map(|&row| values[row].filter(|_| kept[row])).collect())
    }
}

fn refusal(message: String) -> PolarsError {
    PolarsError::ComputeError(message.into())
}

#[cfg(test)]
mod tests;
