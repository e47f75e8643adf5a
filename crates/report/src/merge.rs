//! What a table holds after a write: the rows that stay, the rows that come, in order.
//!
//! In: the rows of the table, the new rows, the periods that they replace. Out: all rows of the next version, and whether it differs.
//! A new row that says the same as the old one, but for columns that do not count, leaves the old one in place.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, UInt64Array, make_comparator};
use arrow::compute::kernels::rank::rank as ranks_of;
use arrow::compute::{SortOptions, cast, concat_batches, filter_record_batch, take as take_values, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Schema};
use arrow::error::ArrowError;
use arrow::row::{Row, RowConverter, Rows, SortField};
use rayon::prelude::*;

use crate::data_files::PERIOD_END;
use crate::delta::{EndingAfter, Replace, TableWrite};
use crate::error::ReportError;
use crate::stable::{Misfit, align, coded, is_text, stabilise, union};

const GRAIN: &str = "grain";
const PERIOD_START: &str = "period_start";

/// Files of fewer rows are put together with others when a write comes near them.
const SMALL_FILE: usize = 10_000;

/// The rows of a table's next version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Merged {
    /// All rows but those of files that stay, in order.
    pub(crate) rows: RecordBatch,
    /// Whether anything differs from the version before.
    pub(crate) changed: bool,
    /// Of each file of the old rows whether it stays: its rows are all in the next version.
    pub(crate) stays: Vec<bool>,
}

/// Puts new rows in the place of old ones, which are of files with so many rows each; `old` is `None` where the table is not there yet.
pub(crate) fn merge(write: &TableWrite, old: Option<&RecordBatch>, files: &[usize]) -> Result<Merged, ReportError> {
    let table = write.name.as_str();
    let new = stabilise(table, &write.batch)?;
    match &write.replace {
        Replace::Periods(periods) => check_periods(table, &new, periods)?,
        Replace::EndingAfter(late) => check_ends(table, &new, late)?,
        Replace::All | Replace::Nothing | Replace::Where { .. } => {}
    }
    let Some(old) = old else {
        return Ok(Merged { rows: sorted(table, new, &write.ignore)?, changed: true, stays: Vec::new() });
    };
    let replaced = replaced(table, old, &write.replace)?;
    let kept = filter(table, old, &replaced.iter().map(|r| Some(!r)).collect())?;
    let gone = filter(table, old, &BooleanArray::from(replaced.clone()))?;
    let schema = union(new.schema_ref(), &kept);
    let kept = align(table, &kept, &schema, Misfit::Refuse)?;
    let gone = align(table, &gone, &schema, Misfit::Null)?;
    let new = align(table, &new, &schema, Misfit::Refuse)?;

    let same = matches(table, &gone, &new, &write.ignore)?;
    let changed = !same_columns(&schema, old.schema_ref()) || same.iter().any(Option::is_none) || same.len() != gone.num_rows();
    let mut retained: Vec<bool> = replaced.iter().map(|replaced| !replaced).collect();
    let gone_rows: Vec<usize> = (0..replaced.len()).filter(|row| replaced[*row]).collect();
    same.iter().flatten().for_each(|place| retained[gone_rows[*place]] = true);
    let may_stay = matches!(write.replace, Replace::EndingAfter(_)) && same_columns(&schema, old.schema_ref());
    let stays = files_that_stay(files, |rows| may_stay && rows.len() >= SMALL_FILE && retained[rows].iter().all(|row| *row));
    let in_place: Vec<bool> = files.iter().zip(&stays).flat_map(|(rows, stays)| std::iter::repeat_n(*stays, *rows)).collect();
    let moves = |row: usize| !in_place.get(row).copied().unwrap_or(false);

    let all = concat_batches(&schema, [&kept, &gone, &new]).map_err(ReportError::rows(table, "join"))?;
    let kept_rows = (0..replaced.len()).filter(|row| !replaced[*row]).enumerate().filter(|(_, row)| moves(*row)).map(|(place, _)| place);
    let order = kept_rows.chain(same.iter().enumerate().filter_map(|(row, old)| match old {
        Some(old) => moves(gone_rows[*old]).then_some(kept.num_rows() + old),
        None => Some(kept.num_rows() + gone.num_rows() + row),
    }));
    let rows = take(table, &all, order)?;
    Ok(Merged { rows: sorted(table, rows, &write.ignore)?, changed, stays })
}

fn files_that_stay(files: &[usize], stays: impl Fn(Range<usize>) -> bool) -> Vec<bool> {
    let mut from = 0;
    let mut ranges = Vec::with_capacity(files.len());
    for rows in files {
        ranges.push(from..from + rows);
        from += rows;
    }
    ranges.into_iter().map(stays).collect()
}

/// Which rows the write takes the place of.
fn replaced(table: &str, old: &RecordBatch, replace: &Replace) -> Result<Vec<bool>, ReportError> {
    match replace {
        Replace::All => Ok(vec![true; old.num_rows()]),
        Replace::Nothing => Ok(vec![false; old.num_rows()]),
        Replace::Periods(periods) => {
            let wanted: BTreeSet<(&str, i32)> = periods.iter().map(|(grain, start)| (grain.as_str(), *start)).collect();
            Ok(periods_of(table, old)?.into_iter().map(|period| period.is_some_and(|p| wanted.contains(&p))).collect())
        }
        Replace::EndingAfter(late) => {
            let days = days_of(table, old, late)?;
            let is_late = ends_of(table, old)?.into_iter().zip(days).map(|(end, day)| end.is_none_or(|end| end > day));
            let Some((column, value)) = &late.only else { return Ok(is_late.collect()) };
            let own = replaced(table, old, &Replace::Where { column: column.clone(), value: value.clone() })?;
            Ok(is_late.zip(own).map(|(late, own)| late && own).collect())
        }
        Replace::Where { column, value } => {
            let texts = cast(text_column(table, old, column)?, &DataType::Utf8).map_err(ReportError::rows(table, "compare"))?;
            let texts = texts.as_string::<i32>();
            Ok(texts.iter().map(|text| text == Some(value.as_str())).collect())
        }
    }
}

/// New rows outside the replaced periods would stand beside the old ones: refused.
fn check_periods(table: &str, new: &RecordBatch, periods: &[(String, i32)]) -> Result<(), ReportError> {
    let wanted: BTreeSet<(&str, i32)> = periods.iter().map(|(grain, start)| (grain.as_str(), *start)).collect();
    let stray = periods_of(table, new)?.into_iter().find(|period| period.is_none_or(|p| !wanted.contains(&p)));
    match stray {
        None => Ok(()),
        Some(period) => Err(ReportError::Schema {
            table: table.to_owned(),
            column: PERIOD_START.to_owned(),
            expected: "a period that the write replaces".to_owned(),
            found: period.map_or_else(
                || "null".to_owned(),
                |(grain, start)| {
                    let day = Date32Type::to_naive_date_opt(start).map_or_else(|| start.to_string(), |d| d.to_string());
                    format!("the {grain} of {day}")
                },
            ),
        }),
    }
}

/// The same of periods that end too early.
fn check_ends(table: &str, new: &RecordBatch, late: &EndingAfter) -> Result<(), ReportError> {
    let text = |day: i32| Date32Type::to_naive_date_opt(day).map_or_else(|| day.to_string(), |date| date.to_string());
    let days = days_of(table, new, late)?;
    match ends_of(table, new)?.into_iter().zip(days).find(|(end, day)| end.is_none_or(|end| end <= *day)) {
        None => Ok(()),
        Some((end, day)) => Err(ReportError::Schema {
            table: table.to_owned(),
            column: PERIOD_END.to_owned(),
            expected: format!("a day after {}", text(day)),
            found: end.map_or_else(|| "null".to_owned(), text),
        }),
    }
}

/// A column of text, as it is or as codes.
fn text_column<'a>(table: &str, rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ReportError> {
    let found = rows.column_by_name(name);
    found.filter(|column| is_text(column.data_type())).ok_or_else(|| ReportError::Schema {
        table: table.to_owned(),
        column: name.to_owned(),
        expected: "text".to_owned(),
        found: found.map_or_else(|| "no such column".to_owned(), |column| column.data_type().to_string()),
    })
}

/// The day of each row after which periods count as late.
fn days_of(table: &str, rows: &RecordBatch, late: &EndingAfter) -> Result<Vec<i32>, ReportError> {
    let Some((name, days)) = &late.by else { return Ok(vec![late.day; rows.num_rows()]) };
    let texts = cast(text_column(table, rows, name)?, &coded()).map_err(ReportError::rows(table, "compare"))?;
    let texts = texts.as_dictionary::<Int32Type>();
    let of_text: Vec<i32> = texts.values().as_string::<i32>().iter().map(|text| text.and_then(|text| days.get(text)).copied().unwrap_or(late.day)).collect();
    Ok(texts.keys().iter().map(|key| key.and_then(|key| of_text.get(usize::try_from(key).ok()?)).copied().unwrap_or(late.day)).collect())
}

fn ends_of(table: &str, batch: &RecordBatch) -> Result<Vec<Option<i32>>, ReportError> {
    Ok(column(table, batch, PERIOD_END, &DataType::Date32)?.as_primitive::<Date32Type>().iter().collect())
}

/// Grain and first day of each row; `None` where either is null.
fn periods_of<'a>(table: &str, batch: &'a RecordBatch) -> Result<Vec<Option<(&'a str, i32)>>, ReportError> {
    let grains = column(table, batch, GRAIN, &DataType::Utf8)?.as_string::<i32>();
    let starts = column(table, batch, PERIOD_START, &DataType::Date32)?.as_primitive::<Date32Type>();
    Ok(grains.iter().zip(starts.iter()).map(|(grain, start)| grain.zip(start)).collect())
}

fn column<'a>(table: &str, batch: &'a RecordBatch, name: &str, kind: &DataType) -> Result<&'a ArrayRef, ReportError> {
    let found = batch.column_by_name(name);
    found.filter(|column| column.data_type() == kind).ok_or_else(|| ReportError::Schema {
        table: table.to_owned(),
        column: name.to_owned(),
        expected: kind.to_string(),
        found: found.map_or_else(|| "missing".to_owned(), |column| column.data_type().to_string()),
    })
}

/// For each new row the old row that says the same, each old row at most once.
fn matches(table: &str, gone: &RecordBatch, new: &RecordBatch, ignore: &[String]) -> Result<Vec<Option<usize>>, ReportError> {
    let names: Vec<&str> = gone.schema_ref().fields().iter().map(|f| f.name().as_str()).filter(|n| !ignore.iter().any(|i| i == n)).collect();
    let (converter, old_rows) = keys(table, gone, &names)?;
    let new_rows = converter.convert_columns(&columns(new, &names)).map_err(ReportError::rows(table, "compare"))?;
    // Looked up, and never walked: its order is nobody's.
    let mut waiting: HashMap<Row<'_>, Vec<usize>> = HashMap::with_capacity(gone.num_rows());
    for index in (0..gone.num_rows()).rev() {
        waiting.entry(old_rows.row(index)).or_default().push(index);
    }
    Ok((0..new.num_rows()).map(|index| waiting.get_mut(&new_rows.row(index)).and_then(Vec::pop)).collect())
}

/// Rows by grain, period, texts, then all other columns that count; a table without periods keeps the order given.
fn sorted(table: &str, batch: RecordBatch, ignore: &[String]) -> Result<RecordBatch, ReportError> {
    let schema = batch.schema();
    let has = |name: &str| schema.column_with_name(name).is_some();
    if !has(GRAIN) || !has(PERIOD_START) {
        return Ok(batch);
    }
    let rank = |name: &str, kind: &DataType| match (name, kind) {
        (GRAIN, _) => 0,
        (PERIOD_START, _) => 1,
        (_, kind) if is_text(kind) => 2,
        _ => 3,
    };
    let mut names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).filter(|n| !ignore.iter().any(|i| i == n)).collect();
    names.sort_by_key(|name| schema.field_with_name(name).map_or(3, |field| rank(name, field.data_type())));
    if is_sorted(table, &columns(&batch, &names))? {
        return Ok(batch);
    }
    let (_, rows) = keys(table, &batch, &names)?;
    let mut order: Vec<usize> = (0..batch.num_rows()).collect();
    order.sort_by(|a, b| rows.row(*a).cmp(&rows.row(*b)));
    take(table, &batch, order)
}

/// Whether no row stands before a lesser one, by these columns in their order.
fn is_sorted(table: &str, columns: &[ArrayRef]) -> Result<bool, ReportError> {
    let ranked = columns.par_iter().map(ranks).collect::<Result<Vec<_>, _>>().map_err(ReportError::rows(table, "compare"))?;
    let options = SortOptions::default();
    let comparators = ranked.iter().map(|column| make_comparator(column, column, options)).collect::<Result<Vec<_>, _>>();
    let comparators = comparators.map_err(ReportError::rows(table, "compare"))?;
    let order = |a: usize, b: usize| comparators.iter().map(|compare| compare(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal);
    let rows = columns.first().map_or(0, Array::len);
    Ok((1..rows).into_par_iter().all(|row| order(row - 1, row).is_le()))
}

/// A column that compares as another does: of coded texts the places of these texts in their order.
fn ranks(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let Some(coded) = column.as_dictionary_opt::<Int32Type>() else { return Ok(Arc::clone(column)) };
    let places: Int64Array = ranks_of(coded.values(), None)?.into_iter().map(|place| Some(i64::from(place))).collect();
    take_values(&places, coded.keys(), None)
}

/// Rows of some columns as keys that compare; with no column left, every row is equal.
fn keys(table: &str, batch: &RecordBatch, names: &[&str]) -> Result<(RowConverter, Rows), ReportError> {
    let chosen = columns(batch, names);
    let fields = chosen.iter().map(|column| SortField::new(column.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(ReportError::rows(table, "compare"))?;
    let rows = converter.convert_columns(&chosen).map_err(ReportError::rows(table, "compare"))?;
    Ok((converter, rows))
}

/// The columns of these names; a column of equal values where there is none, so that every row has a key.
fn columns(batch: &RecordBatch, names: &[&str]) -> Vec<ArrayRef> {
    let chosen: Vec<ArrayRef> = names.iter().filter_map(|name| batch.column_by_name(name).cloned()).collect();
    if chosen.is_empty() {
        let nothing = BooleanArray::from(vec![false; batch.num_rows()]);
        return vec![Arc::new(nothing)];
    }
    chosen
}

fn filter(table: &str, batch: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch, ReportError> {
    filter_record_batch(batch, mask).map_err(ReportError::rows(table, "filter"))
}

fn take(table: &str, batch: &RecordBatch, order: impl IntoIterator<Item = usize>) -> Result<RecordBatch, ReportError> {
    let indices = UInt64Array::from_iter_values(order.into_iter().map(|index| u64::try_from(index).unwrap_or(u64::MAX)));
    take_record_batch(batch, &indices).map_err(ReportError::rows(table, "order"))
}

pub(crate) fn same_columns(a: &Schema, b: &Schema) -> bool {
    let plain = |kind: &DataType| if is_text(kind) { DataType::Utf8 } else { kind.clone() };
    let names_and_types = |schema: &Schema| -> Vec<(String, DataType)> { schema.fields().iter().map(|f| (f.name().clone(), plain(f.data_type()))).collect() };
    names_and_types(a) == names_and_types(b)
}

#[cfg(test)]
mod tests;
