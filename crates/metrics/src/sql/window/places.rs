//! Ranks, neighbours, and the ends of a frame: what follows from positions alone.

use polars::prelude::{NamedFrom, PlSmallStr, PolarsResult, Series};

use super::{Input, WindowFunction, refusal};

/// `row_number`, `rank` and `dense_rank`: Int64 from 1.
pub(super) fn ranks(input: &Input<'_>) -> Series {
    let layout = input.layout;
    let mut ranks: Vec<Option<i64>> = Vec::with_capacity(layout.rows.len());
    let mut next = 1;
    for peers in &layout.peers {
        if peers.number == 1 {
            next = 1;
        }
        let first = next;
        for _ in peers.span.clone() {
            ranks.push(Some(match input.call.function {
                WindowFunction::Rank => first,
                WindowFunction::DenseRank => peers.number,
                _ => next,
            }));
            next += 1;
        }
    }
    Series::new(PlSmallStr::EMPTY, layout.scatter(ranks))
}

/// `lag` and `lead`: the value of another row of the partition, else the default of this row, else null.
pub(super) fn neighbours(input: &Input<'_>) -> PolarsResult<Series> {
    let layout = input.layout;
    let offset = input.call.offset;
    let step = match input.call.function {
        WindowFunction::Lag => offset.checked_neg(),
        _ => Some(offset),
    };
    let step = step.and_then(|step| isize::try_from(step).ok()).ok_or_else(|| refusal(format!("an offset of {offset} rows is out of range")))?;
    let height = layout.rows.len();
    let (source, defaults) = source(input)?;
    let mut picks = Vec::with_capacity(height);
    for peers in &layout.peers {
        for position in peers.span.clone() {
            let other = position.checked_add_signed(step).filter(|other| peers.partition.contains(other)).map(|other| layout.rows[other]);
            picks.push(other.or_else(|| defaults.map(|shift| shift + layout.rows[position])));
        }
    }
    layout.gather(&source, picks)
}

/// The argument, with the defaults below it, and the row at which these begin.
fn source(input: &Input<'_>) -> PolarsResult<(Series, Option<usize>)> {
    let argument = input.argument()?;
    let Some(name) = &input.call.default else {
        return Ok((argument.clone(), None));
    };
    let default = input.column(name)?;
    let mut source = if argument.dtype().is_null() { argument.cast(default.dtype())? } else { argument.clone() };
    source.append(&default.strict_cast(source.dtype())?)?;
    Ok((source.rechunk(), Some(argument.len())))
}

/// `first_value` and `last_value`: the value at an end of the frame; null if the frame is empty.
pub(super) fn ends(input: &Input<'_>) -> PolarsResult<Series> {
    let layout = input.layout;
    let frames = input.frames()?;
    let picks = frames.into_iter().map(|mut frame| {
        let position = match input.call.function {
            WindowFunction::LastValue => frame.next_back(),
            _ => frame.next(),
        };
        position.map(|position| layout.rows[position])
    });
    layout.gather(input.argument()?, picks.collect())
}
