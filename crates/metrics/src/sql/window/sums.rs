//! `sum`, `avg` and `count` over frames.
//!
//! Integers and decimals are summed exactly: a frame that moves on takes in what enters and takes away what leaves.
//! Floats never take away: a frame that grows goes on from the sum before, any other one is summed anew.

use std::ops::Range;

use polars::prelude::{DataType, Int128Chunked, IntoSeries, NamedFrom, NewChunkedArray, PlSmallStr, PolarsError, PolarsResult, Series};

use super::{Bound, Input, WindowFunction, refusal};

/// A sum and how many values are in it.
#[derive(Clone, Copy, Default)]
struct Total<T> {
    sum: T,
    count: i64,
}

/// Int64 of integers, Decimal(38, s) of decimals, Float64 of floats; null for a frame without a value.
///
/// # Errors
/// A sum that the type of the answer cannot hold, and an argument that is no number.
pub(super) fn sum(input: &Input<'_>) -> PolarsResult<Series> {
    let argument = input.argument()?;
    match Kind::of(argument)? {
        Kind::Float => {
            let totals = float_totals(input, argument)?;
            let sums = totals.into_iter().map(|t| t.map(|t| t.sum)).collect();
            let sums: Vec<Option<f64>> = input.layout.scatter(sums);
            Ok(Series::new(PlSmallStr::EMPTY, sums))
        }
        Kind::Integer => {
            let totals = exact_totals(input, &integers(argument)?)?;
            let sums: PolarsResult<Vec<Option<i64>>> = totals.into_iter().map(|t| t.map(|t| i64::try_from(t.sum)).transpose().map_err(|_| overflow(input))).collect();
            Ok(Series::new(PlSmallStr::EMPTY, input.layout.scatter(sums?)))
        }
        Kind::Decimal(scale) => {
            let totals = exact_totals(input, &decimals(argument)?)?;
            let sums = totals.into_iter().map(|t| t.map(|t| t.sum)).collect();
            let sums: Vec<Option<i128>> = input.layout.scatter(sums);
            let sums = Int128Chunked::from_slice_options(PlSmallStr::EMPTY, &sums);
            Ok(sums.into_decimal(38, scale)?.into_series())
        }
    }
}

/// Float64: the sum divided by the count once; null for a frame without a value.
pub(super) fn average(input: &Input<'_>) -> PolarsResult<Series> {
    let argument = input.argument()?;
    let averages: Vec<Option<f64>> = match Kind::of(argument)? {
        Kind::Float => float_totals(input, argument)?.into_iter().map(|t| t.map(|t| t.sum / float(i128::from(t.count)))).collect(),
        Kind::Integer => exact_averages(exact_totals(input, &integers(argument)?)?, 0),
        Kind::Decimal(scale) => exact_averages(exact_totals(input, &decimals(argument)?)?, scale),
    };
    Ok(Series::new(PlSmallStr::EMPTY, input.layout.scatter(averages)))
}

/// Int64: values that are not null, or rows; never null.
pub(super) fn count(input: &Input<'_>) -> PolarsResult<Series> {
    let counted: Vec<Option<i128>> = match input.call.function {
        WindowFunction::CountRows => vec![Some(0); input.layout.rows.len()],
        _ => input.argument()?.is_not_null().iter().map(|present| (present == Some(true)).then_some(0)).collect(),
    };
    let counts: Vec<Option<i64>> = exact_totals(input, &counted)?.into_iter().map(|total| Some(total.map_or(0, |total| total.count))).collect();
    Ok(Series::new(PlSmallStr::EMPTY, input.layout.scatter(counts)))
}

/// How an argument is summed.
enum Kind {
    Integer,
    /// With its digits after the point.
    Decimal(usize),
    Float,
}

impl Kind {
    fn of(argument: &Series) -> PolarsResult<Self> {
        match argument.dtype() {
            DataType::Decimal(_, scale) => Ok(Self::Decimal(*scale)),
            dtype if dtype.is_float() => Ok(Self::Float),
            dtype if dtype.is_integer() || dtype.is_null() => Ok(Self::Integer),
            dtype => Err(refusal(format!("column `{}` is {dtype}, which has no sum", argument.name()))),
        }
    }
}

fn integers(argument: &Series) -> PolarsResult<Vec<Option<i128>>> {
    let wide = argument.strict_cast(&DataType::Int64)?;
    Ok(wide.i64()?.iter().map(|v| v.map(i128::from)).collect())
}

fn decimals(argument: &Series) -> PolarsResult<Vec<Option<i128>>> {
    Ok(argument.decimal()?.physical().iter().collect())
}

/// By position: what the frame holds, or none if it holds no value.
fn exact_totals(input: &Input<'_>, values: &[Option<i128>]) -> PolarsResult<Vec<Option<Total<i128>>>> {
    let cells = input.cells(values)?;
    let mut totals = Vec::with_capacity(cells.len());
    let mut total: Total<i128> = Total::default();
    let mut held = 0..0;
    for frame in input.frames()? {
        if frame.start >= held.end {
            total = Total::default();
            held = frame.start..frame.start;
        }
        for value in cells[held.start..frame.start].iter().flatten() {
            total.sum = total.sum.checked_sub(*value).ok_or_else(|| overflow(input))?;
            total.count -= 1;
        }
        for value in cells[held.end..frame.end].iter().flatten() {
            total.sum = total.sum.checked_add(*value).ok_or_else(|| overflow(input))?;
            total.count += 1;
        }
        held = frame;
        totals.push((total.count > 0).then_some(total));
    }
    Ok(totals)
}

/// The same for floats.
///
/// A frame is summed from its first row to its last, except where its start moves and its end is the partition's:
/// such a frame is summed from its last row to its first, so that the whole column takes one pass.
fn float_totals(input: &Input<'_>, argument: &Series) -> PolarsResult<Vec<Option<Total<f64>>>> {
    let wide = argument.cast(&DataType::Float64)?;
    let values: Vec<Option<f64>> = wide.f64()?.iter().collect();
    let cells = input.cells(&values)?;
    let frames = input.frames()?;
    let bounds = input.call.frame;
    if bounds.end == Bound::UnboundedFollowing && bounds.start != Bound::UnboundedPreceding { Ok(backward(&frames, &cells)) } else { Ok(forward(&frames, &cells)) }
}

fn forward(frames: &[Range<usize>], cells: &[Option<f64>]) -> Vec<Option<Total<f64>>> {
    let mut totals = Vec::with_capacity(frames.len());
    let mut total: Total<f64> = Total::default();
    let mut held = 0..0;
    for frame in frames {
        if frame.start != held.start || frame.end < held.end {
            total = Total::default();
            held = frame.start..frame.start;
        }
        for value in cells[held.end..frame.end].iter().flatten() {
            total.sum += value;
            total.count += 1;
        }
        held = frame.clone();
        totals.push((total.count > 0).then_some(total));
    }
    totals
}

fn backward(frames: &[Range<usize>], cells: &[Option<f64>]) -> Vec<Option<Total<f64>>> {
    let mut totals = vec![None; frames.len()];
    let mut total: Total<f64> = Total::default();
    let mut held = cells.len()..cells.len();
    for (answer, frame) in totals.iter_mut().zip(frames).rev() {
        if frame.end != held.end || frame.start > held.start {
            total = Total::default();
            held = frame.end..frame.end;
        }
        for value in cells[frame.start..held.start].iter().rev().flatten() {
            total.sum += value;
            total.count += 1;
        }
        held = frame.clone();
        *answer = (total.count > 0).then_some(total);
    }
    totals
}

fn exact_averages(totals: Vec<Option<Total<i128>>>, scale: usize) -> Vec<Option<f64>> {
    let units = (0..scale).fold(1.0, |units, _| units * 10.0);
    totals.into_iter().map(|t| t.map(|t| float(t.sum) / (float(i128::from(t.count)) * units))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "an average is a float; the sum is rounded to one once")]
fn float(whole: i128) -> f64 {
    whole as f64
}

fn overflow(input: &Input<'_>) -> PolarsError {
    let name = input.call.argument.as_deref().unwrap_or_default();
    refusal(format!("a sum of `{name}` is too large for its type"))
}
