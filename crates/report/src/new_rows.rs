//! The rows that a write brings: they are there, or are made file by file as the table is written.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::{Date32Type, SchemaRef};
use arrow::error::ArrowError;

use crate::data_files::{PERIOD_END, PERIOD_START};

/// Rows in the order of their table, with types that result tables have, which are made when they are asked for.
pub trait MakeRows: Debug + Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// Those at some places, which ascend.
    ///
    /// # Errors
    /// Columns that do not fit together.
    fn rows(&self, places: &UInt64Array) -> Result<RecordBatch, ArrowError>;

    /// The periods that all rows come in, in their order.
    fn periods(&self) -> Vec<PeriodRows>;
}

/// Rows of one period that follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeriodRows {
    /// The first day of the period.
    pub start: Option<i32>,
    /// The day after its last.
    pub end: Option<i32>,
    /// How many rows there are.
    pub rows: usize,
}

/// The rows of a write.
#[derive(Debug, Clone)]
pub enum NewRows {
    /// They are there, in any order.
    There(RecordBatch),
    /// They are made: a table that is not there yet never has all of them in memory.
    Made(Arc<dyn MakeRows>),
}

/// Places of rows, ascending: many follow each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places(Vec<Range<usize>>);

impl Places {
    /// Adds places that follow each other, which come after all that are there.
    pub(crate) fn push(&mut self, places: Range<usize>) {
        match self.0.last_mut().filter(|last| last.end == places.start) {
            Some(last) => last.end = places.end,
            None => self.0.push(places),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }

    /// Those of several, ascending.
    pub(crate) fn of_all<'p>(several: impl IntoIterator<Item = &'p Self>) -> Self {
        let mut ranges: Vec<Range<usize>> = several.into_iter().flat_map(|places| places.0.iter().cloned()).collect();
        ranges.sort_by_key(|range| range.start);
        let mut all = Self::default();
        for range in ranges {
            all.push(range);
        }
        all
    }

    /// The same in parts of no more than so many.
    pub(crate) fn in_parts_of(self, most: usize) -> Vec<Self> {
        let mut parts: Vec<Self> = Vec::new();
        let mut room = 0;
        for Range { mut start, end } in self.0 {
            while start < end {
                if room == 0 {
                    parts.push(Self::default());
                    room = most.max(1);
                }
                let until = end.min(start + room);
                parts.last_mut().into_iter().for_each(|last| last.push(start..until));
                room -= until - start;
                start = until;
            }
        }
        parts
    }

    /// The places one by one.
    pub(crate) fn array(&self) -> UInt64Array {
        self.0.iter().cloned().flatten().map(|place| u64::try_from(place).unwrap_or(u64::MAX)).collect::<Vec<u64>>().into()
    }
}

impl From<Range<usize>> for Places {
    fn from(places: Range<usize>) -> Self {
        Self(vec![places])
    }
}

/// Places of rows by the day after the last of their period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ByEnd(BTreeMap<i32, Places>);

impl ByEnd {
    /// The days, each once.
    pub(crate) fn days(&self) -> impl Iterator<Item = i32> {
        self.0.keys().copied()
    }

    /// The places of the rows with some of the days, ascending.
    #[must_use]
    pub fn within(&self, days: Range<i32>) -> UInt64Array {
        Places::of_all(self.0.range(days).map(|(_, places)| places)).array()
    }
}

impl From<RecordBatch> for NewRows {
    fn from(rows: RecordBatch) -> Self {
        Self::There(rows)
    }
}

impl NewRows {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        match self {
            Self::There(rows) => rows.num_rows(),
            Self::Made(rows) => rows.count(),
        }
    }

    /// All of them.
    ///
    /// # Errors
    /// Columns that do not fit together.
    pub fn all(&self) -> Result<RecordBatch, ArrowError> {
        match self {
            Self::There(rows) => Ok(rows.clone()),
            Self::Made(rows) => rows.rows(&(0..).take(rows.count()).collect()),
        }
    }

    /// The places of rows by the day after the last of their period; `None` where there are no such days.
    #[must_use]
    pub fn by_end(&self) -> Option<ByEnd> {
        let mut found = ByEnd::default();
        for (PeriodRows { end, .. }, places) in self.periods()? {
            found.0.entry(end?).or_default().push(places);
        }
        Some(found)
    }

    /// The periods that the rows come in, with their places; `None` where rows have no periods.
    pub(crate) fn periods(&self) -> Option<Vec<(PeriodRows, Range<usize>)>> {
        let periods = match self {
            Self::There(rows) => {
                let days = |name| Some(rows.column_by_name(name)?.as_primitive_opt::<Date32Type>()?.iter().collect::<Vec<Option<i32>>>());
                let ends = days(PERIOD_END)?;
                let starts = days(PERIOD_START).unwrap_or_else(|| vec![None; ends.len()]);
                let periods: Vec<(Option<i32>, Option<i32>)> = starts.into_iter().zip(ends).collect();
                periods.chunk_by(|a, b| a == b).map(|same| PeriodRows { start: same[0].0, end: same[0].1, rows: same.len() }).collect()
            }
            Self::Made(rows) => rows.periods(),
        };
        let mut next = 0;
        let placed = periods.into_iter().map(|period| {
            let first = next;
            next += period.rows;
            (period, first..next)
        });
        Some(placed.collect())
    }

    /// Those at some places, which ascend.
    ///
    /// # Errors
    /// Columns that do not fit together.
    pub fn at(&self, places: &UInt64Array) -> Result<RecordBatch, ArrowError> {
        match self {
            Self::There(rows) => take_record_batch(rows, places),
            Self::Made(rows) => rows.rows(places),
        }
    }

    /// The columns.
    pub(crate) fn schema(&self) -> Result<SchemaRef, ArrowError> {
        match self {
            Self::There(rows) => Ok(rows.schema()),
            Self::Made(rows) => Ok(rows.rows(&UInt64Array::from(Vec::<u64>::new()))?.schema()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn places_that_follow_each_other_are_one_range_and_parts_have_no_more_than_asked() {
        let mut places = Places::from(0..3);
        places.push(3..5);
        places.push(8..12);
        assert_eq!(places, Places(vec![0..5, 8..12]));
        assert_eq!((places.count(), places.array().values().to_vec()), (9, vec![0, 1, 2, 3, 4, 8, 9, 10, 11]));
        assert_eq!(places.clone().in_parts_of(4), [Places::from(0..4), Places(vec![4..5, 8..11]), Places::from(11..12)]);
        assert_eq!(places.clone().in_parts_of(9), [places.clone()]);
        assert_eq!(Places::of_all([&Places::from(5..8), &places]), Places::from(0..12));
        assert!(Places::default().in_parts_of(4).is_empty());
    }
}
