//! Where each row stands: partitions, sorted positions, peers, and the frame of each position.
//!
//! In: the keys of a request. Out: positions, which count sorted rows of all partitions one after another.

use std::cmp::Ordering;
use std::ops::Range;

use polars::prelude::{DataFrame, IdxCa, IdxSize, NewChunkedArray, PlSmallStr, PolarsResult, Series};

use super::codes::Codes;
use super::{Bound, Frame, FrameUnits, WindowRequest, refusal};

/// All rows, sorted by partition and then by the order asked.
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
    pub(super) fn new(frame: &DataFrame, request: &WindowRequest) -> PolarsResult<Self> {
        let codes = |name: &str| Codes::new(frame.column(name)?.as_materialized_series());
        let mut partition_keys = Vec::new();
        for name in &request.partition_by {
            partition_keys.push(codes(name)?.by_row);
        }
        let mut order_keys = Vec::new();
        for key in &request.order_by {
            order_keys.push(codes(&key.column)?.into_sort_keys(key));
        }
        let mut rows: Vec<usize> = (0..frame.height()).collect();
        rows.sort_by(|&left, &right| compare(&partition_keys, left, right).then_with(|| compare(&order_keys, left, right)));
        let mut peers = Vec::new();
        let mut start = 0;
        for partition in rows.chunk_by(|&a, &b| compare(&partition_keys, a, b).is_eq()) {
            let partition_span = start..start + partition.len();
            let groups = partition.chunk_by(|&a, &b| compare(&order_keys, a, b).is_eq());
            for (number, group) in (1_i64..).zip(groups) {
                peers.push(Peers { span: start..start + group.len(), partition: partition_span.clone(), number });
                start += group.len();
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

fn compare(keys: &[Vec<IdxSize>], left: usize, right: usize) -> Ordering {
    keys.iter().map(|key| key[left].cmp(&key[right])).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
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
