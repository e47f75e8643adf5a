//! Where each row stands: partitions, sorted positions, peers, and the frame of each position.
//!
//! In: the keys of a request. Out: positions, which count sorted rows of all partitions one after another.

use std::ops::Range;

use polars::prelude::{Column, DataFrame, IdxCa, IdxSize, NewChunkedArray, PlSmallStr, PolarsResult, Series};

use super::codes::{Codes, SortKeys};
use super::{Bound, Frame, FrameUnits, WindowRequest, refusal};

/// All rows, those of a partition together, sorted by the order asked.
pub(super) struct Layout {
    /// By position: the row of the input.
    pub(super) rows: Vec<usize>,
    /// Every group of peers, in order of positions.
    pub(super) peers: Vec<Peers>,
}

/// Rows of one partition that are equal in all sort keys.
pub(super) struct Peers {
    /// Their positions.
    pub(super) span: Range<usize>,
    /// The positions of their partition.
    pub(super) partition: Range<usize>,
    /// Which group of the partition it is, from 1.
    pub(super) number: i64,
}

impl Layout {
    /// Sorts the rows of `frame`; equal rows keep their order.
    ///
    /// Key by key: a key is looked at of those rows alone that all keys before it leave equal. Most rows of most windows differ early.
    pub(super) fn new(frame: &DataFrame, request: &WindowRequest) -> PolarsResult<Self> {
        let mut rows: Vec<usize> = (0..frame.height()).collect();
        let mut spans: Vec<Range<usize>> = Vec::new();
        spans.extend((!rows.is_empty()).then_some(0..rows.len()));
        for name in &request.partition_by {
            let Some(values) = tied(&rows, &spans, frame.column(name)?)? else { break };
            spans = told_apart(&mut rows, spans, Codes::by_occurrence(&values)?);
        }
        let partitions = spans.clone();
        for key in &request.order_by {
            let Some(values) = tied(&rows, &spans, frame.column(&key.column)?)? else { break };
            spans = match SortKeys::new(&values, key)? {
                SortKeys::Numbers(keys) => told_apart(&mut rows, spans, keys),
                SortKeys::Codes(keys) => told_apart(&mut rows, spans, keys),
            };
        }
        let mut peers = Vec::with_capacity(spans.len());
        let mut spans = spans.into_iter().peekable();
        for partition in partitions {
            let mut numbers = 1_i64..;
            while let (Some(span), Some(number)) = (spans.next_if(|span| span.end <= partition.end), numbers.next()) {
                peers.push(Peers { span, partition: partition.clone(), number });
            }
        }
        Ok(Self { rows, peers })
    }

    /// The frame of every position, as a range of positions; it may be empty.
    ///
    /// Neither the starts nor the ends ever go back from one position to the next.
    pub(super) fn frames(&self, frame: Frame) -> PolarsResult<Vec<Range<usize>>> {
        check(frame)?;
        let mut frames = Vec::with_capacity(self.rows.len());
        for peers in &self.peers {
            for position in peers.span.clone() {
                let current = match frame.units {
                    FrameUnits::Rows => position..position + 1,
                    FrameUnits::Range => peers.span.clone(),
                };
                let start = edge(frame.start, current.start, &peers.partition);
                let end = edge(frame.end, current.end, &peers.partition);
                frames.push(start..end.max(start));
            }
        }
        Ok(frames)
    }

    /// Brings values of positions into the order of the rows.
    pub(super) fn scatter<T: Clone>(&self, values: Vec<Option<T>>) -> Vec<Option<T>> {
        let mut by_row = vec![None; self.rows.len()];
        for (&row, value) in self.rows.iter().zip(values) {
            by_row[row] = value;
        }
        by_row
    }

    /// Takes values of `source` by their rows: `picks` says for every position which one, or none.
    pub(super) fn gather(&self, source: &Series, picks: Vec<Option<usize>>) -> PolarsResult<Series> {
        let mut indices: Vec<Option<IdxSize>> = vec![None; self.rows.len()];
        for (&row, pick) in self.rows.iter().zip(picks) {
            indices[row] = pick.map(IdxSize::try_from).transpose().map_err(|_| refusal("too many rows for one window".to_owned()))?;
        }
        source.take(&IdxCa::from_slice_options(PlSmallStr::EMPTY, &indices))
    }
}

/// The values of a column on the rows of spans of more than one row; `None` without such a span.
fn tied(rows: &[usize], spans: &[Range<usize>], column: &Column) -> PolarsResult<Option<Series>> {
    let too_many = |_| refusal("too many rows for one window".to_owned());
    let tied = spans.iter().filter(|span| span.len() > 1).flat_map(|span| &rows[span.clone()]);
    let tied: Vec<IdxSize> = tied.map(|row| IdxSize::try_from(*row).map_err(too_many)).collect::<PolarsResult<_>>()?;
    if tied.is_empty() {
        return Ok(None);
    }
    Ok(Some(column.as_materialized_series().take(&IdxCa::from_slice(PlSmallStr::EMPTY, &tied))?))
}

/// Sorts the rows of each span by the keys of its tied rows, and cuts the span where these differ.
fn told_apart<K: Copy + Ord>(rows: &mut [usize], spans: Vec<Range<usize>>, keys: Vec<K>) -> Vec<Range<usize>> {
    let mut keys = keys.into_iter();
    let mut cut = Vec::with_capacity(spans.len());
    let mut sorted: Vec<(K, usize)> = Vec::new();
    for span in spans {
        if span.len() == 1 {
            cut.push(span);
            continue;
        }
        sorted.clear();
        sorted.extend(keys.by_ref().zip(rows[span.clone()].iter().copied()));
        sorted.sort_by_key(|(key, _)| *key);
        let mut start = span.start;
        for equal in sorted.chunk_by(|(a, _), (b, _)| a == b) {
            for (place, (_, row)) in rows[start..].iter_mut().zip(equal) {
                *place = *row;
            }
            cut.push(start..start + equal.len());
            start += equal.len();
        }
    }
    cut
}

/// One edge between positions, inside of the partition.
fn edge(bound: Bound, current: usize, partition: &Range<usize>) -> usize {
    let distance = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
    match bound {
        Bound::UnboundedPreceding => partition.start,
        Bound::Preceding(rows) => current.saturating_sub(distance(rows)).max(partition.start),
        Bound::CurrentRow => current,
        Bound::Following(rows) => current.saturating_add(distance(rows)).min(partition.end),
        Bound::UnboundedFollowing => partition.end,
    }
}

fn check(frame: Frame) -> PolarsResult<()> {
    for bound in [frame.start, frame.end] {
        let distance = match bound {
            Bound::Preceding(rows) => format!("{rows} PRECEDING"),
            Bound::Following(rows) => format!("{rows} FOLLOWING"),
            Bound::UnboundedPreceding | Bound::CurrentRow | Bound::UnboundedFollowing => continue,
        };
        if frame.units == FrameUnits::Range {
            return Err(refusal(format!("a RANGE frame with `{distance}` is not supported")));
        }
    }
    if frame.start == Bound::UnboundedFollowing {
        return Err(refusal("a frame cannot start at `UNBOUNDED FOLLOWING`".to_owned()));
    }
    if frame.end == Bound::UnboundedPreceding {
        return Err(refusal("a frame cannot end at `UNBOUNDED PRECEDING`".to_owned()));
    }
    Ok(())
}
