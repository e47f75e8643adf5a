//! `min` and `max` over frames, for every type that sorts.
//!
//! The candidates of a frame wait in a queue of rising codes, so that a row enters and leaves once.

use std::collections::VecDeque;

use polars::prelude::{IdxSize, PolarsResult, Series};

use super::codes::Codes;
use super::{Input, WindowFunction};

/// The least or greatest value of each frame, in the type of the argument.
///
/// Null rule: nulls are ignored; a frame without a value gives null.
pub(super) fn extreme(input: &Input<'_>) -> PolarsResult<Series> {
    let argument = input.argument()?;
    let codes = Codes::new(argument)?;
    let ceiling = codes.distinct + 1;
    let wanted: Vec<Option<IdxSize>> = codes
        .by_row
        .iter()
        .map(|&code| match input.call.function {
            _ if code == 0 => None,
            WindowFunction::Max => Some(ceiling - code),
            _ => Some(code),
        })
        .collect();
    let cells = input.cells(&wanted)?;
    let mut picks = Vec::with_capacity(cells.len());
    let mut queue: VecDeque<(usize, IdxSize)> = VecDeque::new();
    let mut next = 0;
    for frame in input.frames()? {
        next = next.max(frame.start);
        while next < frame.end {
            if let Some(code) = cells[next] {
                while queue.back().is_some_and(|&(_, waiting)| waiting > code) {
                    queue.pop_back();
                }
                queue.push_back((next, code));
            }
            next += 1;
        }
        while queue.front().is_some_and(|&(at, _)| at < frame.start) {
            queue.pop_front();
        }
        picks.push(queue.front().map(|&(at, _)| input.layout.rows[at]));
    }
    input.layout.gather(argument, picks)
}
