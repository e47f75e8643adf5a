//! Base cells as they are kept between runs: the answers of one request, with what each of them hangs on.
//!
//! In: a request and the engine's batches. Out: rows of one shape for a Parquet object, a part for each year of periods, and back.
//! A kept answer serves as long as the hashes of its groupings and measures are those of the project.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int32Array, RecordBatch, UInt32Array, make_comparator, new_null_array};
use arrow::compute::{SortOptions, cast, concat_batches, min, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Field, Int32Type, Schema};
use arrow::error::ArrowError;
use chrono::{Datelike, NaiveDate};
use quotient_metrics::{BaseGrouping, MetricsError, joined_rows};
use serde::{Deserialize, Serialize};

/// The year that stands for cells without a period.
pub(crate) const NO_YEAR: i32 = 0;

/// What kept cells answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    /// The model.
    pub(crate) model: String,
    /// Grain (empty for all time), slice, and the hash of what the slice is read from; by grouping.
    pub(crate) groupings: Vec<(String, Vec<String>, String)>,
    /// Name and the hash of the definition; by measure.
    pub(crate) measures: Vec<(String, String)>,
}

impl Question {
    /// Whether an answer to this question answers another one too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        self.model == other.model && other.groupings.iter().all(|g| self.groupings.contains(g)) && other.measures.iter().all(|m| self.measures.contains(m))
    }
}

/// The kept answer to a question: one batch per grouping, as an engine gives them.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) question: Question,
    pub(crate) batches: Vec<RecordBatch>,
}

impl Stored {
    /// An answer in the order of periods.
    pub(crate) fn new(question: Question, batches: &[RecordBatch]) -> Result<Self, ArrowError> {
        let in_order = batches.iter().zip(&question.groupings).map(|(batch, grouping)| if grouping.0.is_empty() { Ok(batch.clone()) } else { by_period(batch) });
        Ok(Self { batches: in_order.collect::<Result<_, _>>()?, question })
    }

    /// What is answered of a narrower question, in its order.
    pub(crate) fn answer(&self, question: &Question) -> Result<Vec<RecordBatch>, ArrowError> {
        question.groupings.iter().map(|grouping| self.batch(grouping, question)).collect()
    }

    /// The answer to a narrower question.
    pub(crate) fn narrowed(self, question: &Question) -> Result<Self, ArrowError> {
        if self.question == *question {
            return Ok(self);
        }
        Ok(Self { batches: self.answer(question)?, question: question.clone() })
    }

    /// The first day of the first period.
    pub(crate) fn first_day(&self) -> Option<i32> {
        let firsts = (0..self.batches.len()).filter(|at| self.has_periods(*at)).filter_map(|at| min(self.batches[at].column(0).as_primitive::<Date32Type>()));
        firsts.min()
    }

    fn batch(&self, grouping: &(String, Vec<String>, String), question: &Question) -> Result<RecordBatch, ArrowError> {
        let missing = |what: &str| ArrowError::InvalidArgumentError(format!("kept cells have no {what}"));
        let at = self.question.groupings.iter().position(|known| known == grouping).ok_or_else(|| missing("such grouping"))?;
        let batch = self.batches.get(at).ok_or_else(|| missing("such batch"))?;
        let keys = usize::from(!grouping.0.is_empty()) + grouping.1.len();
        let mut wanted: Vec<usize> = (0..keys).collect();
        for (name, _) in &question.measures {
            let place = self.question.measures.iter().position(|(known, _)| known == name).ok_or_else(|| missing("such measure"))?;
            wanted.push(keys + place);
        }
        batch.project(&wanted)
    }

    /// The answer with the cells of some periods taken from a fresh one; `takes` says of which, by grouping and first day.
    pub(crate) fn merged(&self, fresh: &[RecordBatch], takes: &dyn Fn(usize, i32) -> bool) -> Result<Self, ArrowError> {
        let mut batches = Vec::with_capacity(self.batches.len());
        for (at, (old, new)) in self.batches.iter().zip(fresh).enumerate() {
            if !self.has_periods(at) {
                batches.push(new.clone());
                continue;
            }
            let kept = only(old, &|day| !takes(at, day))?;
            let come = same_types(&only(new, &|day| takes(at, day))?, old)?;
            batches.push(by_period(&concat_batches(&old.schema(), [&kept, &come])?)?);
        }
        Ok(Self { question: self.question.clone(), batches })
    }

    /// Where this answer differs from an earlier one to the same question: of each grouping the first day of the first period that does.
    ///
    /// Both are ordered by period, and within a period in one order.
    pub(crate) fn first_differences(&self, before: &Self) -> Result<Vec<Option<i32>>, ArrowError> {
        let pairs = self.batches.iter().zip(&before.batches).enumerate();
        pairs.map(|(at, (new, old))| if self.has_periods(at) { first_difference(&same_types(new, old)?, old) } else { Ok((new != old).then_some(i32::MIN)) }).collect()
    }

    /// The years of a grouping's periods from a day on.
    pub(crate) fn years_from(&self, grouping: usize, day: i32) -> BTreeSet<i32> {
        if !self.has_periods(grouping) {
            return BTreeSet::from([NO_YEAR]);
        }
        let first = year_of(day).unwrap_or(i32::MIN);
        self.batches.get(grouping).map(years_of).unwrap_or_default().into_iter().filter(|year| *year >= first).collect()
    }

    /// The rows of each year as one batch: grouping, first day, dimensions, measures.
    pub(crate) fn parts(&self) -> Result<BTreeMap<i32, RecordBatch>, ArrowError> {
        let width = self.question.groupings.iter().map(|grouping| grouping.1.len()).max().unwrap_or(0);
        let mut by_year: BTreeMap<i32, Vec<RecordBatch>> = BTreeMap::new();
        for (at, batch) in self.batches.iter().enumerate() {
            let flat = self.flat(at, batch, width)?;
            let years = if self.has_periods(at) { years_of(batch) } else { BTreeSet::from([NO_YEAR]) };
            for year in years {
                let part = if year == NO_YEAR { flat.clone() } else { of_year(&flat, year)? };
                by_year.entry(year).or_default().push(part);
            }
        }
        if let (true, Some(batch)) = (by_year.is_empty(), self.batches.first()) {
            // An answer without a cell is an answer: its columns are kept.
            by_year.insert(NO_YEAR, vec![self.flat(0, batch, width)?.slice(0, 0)]);
        }
        by_year.into_iter().map(|(year, parts)| Ok((year, joined_rows(&parts)?))).collect()
    }

    fn has_periods(&self, grouping: usize) -> bool {
        self.question.groupings.get(grouping).is_some_and(|grouping| !grouping.0.is_empty())
    }

    /// A batch of one grouping in the shape that all groupings share.
    fn flat(&self, at: usize, batch: &RecordBatch, width: usize) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        let number = i32::try_from(at).map_err(|error| ArrowError::CastError(error.to_string()))?;
        let mut columns: Vec<(String, ArrayRef)> = vec![("grouping".to_owned(), Arc::new(Int32Array::from(vec![number; rows])))];
        let has_period = usize::from(self.has_periods(at));
        let days = if has_period == 1 { Arc::clone(batch.column(0)) } else { new_null_array(&DataType::Date32, rows) };
        columns.push(("period_start".to_owned(), days));
        let dimensions = self.question.groupings.get(at).map_or(0, |grouping| grouping.1.len());
        for place in 0..width {
            let column = if place < dimensions { cast(batch.column(has_period + place), &DataType::Utf8)? } else { new_null_array(&DataType::Utf8, rows) };
            columns.push((format!("d{place}"), column));
        }
        for place in 0..self.question.measures.len() {
            columns.push((format!("m{place}"), Arc::clone(batch.column(has_period + dimensions + place))));
        }
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
    }

    /// Kept parts put together again.
    pub(crate) fn of_parts(question: Question, parts: &[RecordBatch]) -> Result<Self, ArrowError> {
        let width = question.groupings.iter().map(|grouping| grouping.1.len()).max().unwrap_or(0);
        let mut batches = Vec::with_capacity(question.groupings.len());
        for (at, (grain, slice, _)) in question.groupings.iter().enumerate() {
            let number = i32::try_from(at).map_err(|error| ArrowError::CastError(error.to_string()))?;
            let rows = parts.iter().map(|part| of_grouping(part, number)).collect::<Result<Vec<_>, _>>()?;
            let first = rows.first().ok_or_else(|| ArrowError::InvalidArgumentError("kept cells have no part".to_owned()))?;
            let mut columns: Vec<(String, usize)> = Vec::new();
            if !grain.is_empty() {
                columns.push(("period_start".to_owned(), 1));
            }
            columns.extend(slice.iter().enumerate().map(|(place, item)| (item.clone(), 2 + place)));
            columns.extend(question.measures.iter().enumerate().map(|(place, (name, _))| (name.clone(), 2 + width + place)));
            let (names, places): (Vec<String>, Vec<usize>) = columns.into_iter().unzip();
            let schema = first.schema_ref().project(&places)?;
            let rows = rows.iter().map(|part| part.project(&places)).collect::<Result<Vec<_>, _>>()?;
            let all = concat_batches(&Arc::new(schema), &rows)?;
            let fields: Vec<Field> = names.into_iter().zip(all.columns()).map(|(name, column)| Field::new(name, column.data_type().clone(), true)).collect();
            batches.push(RecordBatch::try_new(Arc::new(Schema::new(fields)), all.columns().to_vec())?);
        }
        Ok(Self { question, batches })
    }
}

/// The rows of one grouping in a kept part, where groupings follow each other.
fn of_grouping(part: &RecordBatch, grouping: i32) -> Result<RecordBatch, ArrowError> {
    let numbers = part.column(0).as_primitive::<Int32Type>().values();
    if !numbers.is_sorted() {
        return Err(ArrowError::InvalidArgumentError("kept cells are not in the order of their groupings".to_owned()));
    }
    let from = numbers.partition_point(|number| *number < grouping);
    Ok(part.slice(from, numbers.partition_point(|number| *number <= grouping) - from))
}

/// Arrow refused cells of ours: a fault of this program.
pub(crate) fn refused(key: &str, error: &ArrowError) -> MetricsError {
    MetricsError::Bridge { column: key.to_owned(), reason: error.to_string() }
}

/// The grain of one grouping as text, empty for all time.
pub(crate) fn grain_name(grouping: &BaseGrouping) -> String {
    grouping.grain.map(|grain| grain.name().to_owned()).unwrap_or_default()
}

/// The rows whose first day passes.
pub(crate) fn only(batch: &RecordBatch, passes: &dyn Fn(i32) -> bool) -> Result<RecordBatch, ArrowError> {
    rows_by_day(batch, 0, passes)
}

/// The rows whose day in a column passes; rows of one day follow each other, and those that pass most often do, too.
fn rows_by_day(batch: &RecordBatch, column: usize, passes: &dyn Fn(i32) -> bool) -> Result<RecordBatch, ArrowError> {
    let days: Vec<Option<i32>> = batch.column(column).as_primitive::<Date32Type>().iter().collect();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut end = 0;
    for run in days.chunk_by(|a, b| a == b) {
        let rows = end..end + run.len();
        end = rows.end;
        if !run[0].is_some_and(passes) {
            continue;
        }
        match ranges.last_mut().filter(|last| last.end == rows.start) {
            Some(last) => last.end = rows.end,
            None => ranges.push(rows),
        }
    }
    match ranges.as_slice() {
        [] => Ok(batch.slice(0, 0)),
        [rows] => Ok(batch.slice(rows.start, rows.len())),
        many => concat_batches(&batch.schema(), &many.iter().map(|rows| batch.slice(rows.start, rows.len())).collect::<Vec<_>>()),
    }
}

/// The rows by period; those of one period stay in their order.
fn by_period(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let days = batch.column(0).as_primitive::<Date32Type>().values();
    if days.is_sorted() {
        return Ok(batch.clone());
    }
    let mut order: Vec<u32> = (0..u32::try_from(days.len()).unwrap_or(u32::MAX)).collect();
    order.sort_by_key(|row| usize::try_from(*row).ok().and_then(|row| days.get(row)));
    take_record_batch(batch, &UInt32Array::from(order))
}

/// Rows that are compared at once before any is on its own.
const STRIDE: usize = 4_096;

/// The first day of the first period whose rows differ; both batches have the same columns.
fn first_difference(new: &RecordBatch, old: &RecordBatch) -> Result<Option<i32>, ArrowError> {
    let options = SortOptions::default();
    let comparators = new.columns().iter().zip(old.columns()).map(|(new, old)| make_comparator(new, old, options)).collect::<Result<Vec<_>, _>>()?;
    let both = new.num_rows().min(old.num_rows());
    let differing = |from: usize| {
        let rows = STRIDE.min(both - from);
        if new.slice(from, rows).columns() == old.slice(from, rows).columns() {
            return None;
        }
        (from..from + rows).find(|row| comparators.iter().any(|compare| compare(*row, *row).is_ne()))
    };
    let row = (0..both).step_by(STRIDE).find_map(differing).unwrap_or(both);
    let day = |batch: &RecordBatch| batch.column(0).as_primitive::<Date32Type>().values().get(row).copied();
    Ok(day(new).into_iter().chain(day(old)).min())
}

/// A batch with the column types of another.
pub(crate) fn same_types(batch: &RecordBatch, like: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == like.schema_ref() {
        return Ok(batch.clone());
    }
    let columns = batch.columns().iter().zip(like.schema_ref().fields()).map(|(column, field)| cast(column, field.data_type())).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(like.schema(), columns)
}

fn years_of(batch: &RecordBatch) -> BTreeSet<i32> {
    let days: &Date32Array = batch.column(0).as_primitive::<Date32Type>();
    let days: Vec<i32> = days.iter().flatten().collect();
    days.chunk_by(|a, b| a == b).filter_map(|days| year_of(days[0])).collect()
}

pub(crate) fn year_of(day: i32) -> Option<i32> {
    NaiveDate::from_epoch_days(day).map(|day| day.year())
}

fn of_year(flat: &RecordBatch, year: i32) -> Result<RecordBatch, ArrowError> {
    rows_by_day(flat, 1, &|day| year_of(day) == Some(year))
}

#[cfg(test)]
mod tests;
