//! What a table holds after a write: the rows that stay, the rows that come, in order.
//!
//! In: the rows of the table, the new rows, the periods that they replace. Out: all rows of the next version, and whether it differs.
//! A new row that says the same as the old one, but for columns that do not count, leaves the old one in place.

use std::collections::{BTreeSet, HashMap};

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Schema};
use arrow::row::{Row, RowConverter, Rows, SortField};

use crate::delta::{Replace, TableWrite};
use crate::error::ReportError;
use crate::stable::{Misfit, align, stabilise, union};

const GRAIN: &str = "grain";
const PERIOD_START: &str = "period_start";
const PERIOD_END: &str = "period_end";

/// The rows of a table's next version.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Merged {
    /// All rows, in order.
    pub(crate) rows: RecordBatch,
    /// Whether anything differs from the version before.
    pub(crate) changed: bool,
}

/// Puts new rows in the place of old ones; `old` is `None` where the table is not there yet.
pub(crate) fn merge(write: &TableWrite, old: Option<&RecordBatch>) -> Result<Merged, ReportError> {
    let table = write.name.as_str();
    let new = stabilise(table, &write.batch)?;
    match &write.replace {
        Replace::Periods(periods) => check_periods(table, &new, periods)?,
        Replace::EndingAfter { day, .. } => check_ends(table, &new, *day)?,
        Replace::All | Replace::Nothing | Replace::Where { .. } => {}
    }
    let Some(old) = old else {
        return Ok(Merged { rows: sorted(table, new, &write.ignore)?, changed: true });
    };
    let replaced = replaced(table, old, &write.replace)?;
    let kept = filter(table, old, &replaced.iter().map(|r| Some(!r)).collect())?;
    let gone = filter(table, old, &BooleanArray::from(replaced))?;
    let schema = union(new.schema_ref(), &kept);
    let kept = align(table, &kept, &schema, Misfit::Refuse)?;
    let gone = align(table, &gone, &schema, Misfit::Null)?;
    let new = align(table, &new, &schema, Misfit::Refuse)?;

    let same = matches(table, &gone, &new, &write.ignore)?;
    let changed = !same_columns(&schema, old.schema_ref()) || same.iter().any(Option::is_none) || same.len() != gone.num_rows();
    let all = concat_batches(&schema, [&kept, &gone, &new]).map_err(ReportError::rows(table, "join"))?;
    let order = (0..kept.num_rows()).chain(same.iter().enumerate().map(|(row, old)| match old {
        Some(old) => kept.num_rows() + old,
        None => kept.num_rows() + gone.num_rows() + row,
    }));
    let rows = take(table, &all, order)?;
    Ok(Merged { rows: sorted(table, rows, &write.ignore)?, changed })
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
        Replace::EndingAfter { day, only } => {
            let late = ends_of(table, old)?.into_iter().map(|end| end.is_none_or(|end| end > *day));
            let Some((column, value)) = only else { return Ok(late.collect()) };
            let own = replaced(table, old, &Replace::Where { column: column.clone(), value: value.clone() })?;
            Ok(late.zip(own).map(|(late, own)| late && own).collect())
        }
        Replace::Where { column, value } => {
            let texts = old.column_by_name(column).and_then(|c| c.as_string_opt::<i32>()).ok_or_else(|| ReportError::Schema {
                table: table.to_owned(),
                column: column.clone(),
                expected: "text".to_owned(),
                found: old.column_by_name(column).map_or_else(|| "no such column".to_owned(), |c| c.data_type().to_string()),
            })?;
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
fn check_ends(table: &str, new: &RecordBatch, day: i32) -> Result<(), ReportError> {
    let text = |day: i32| Date32Type::to_naive_date_opt(day).map_or_else(|| day.to_string(), |date| date.to_string());
    match ends_of(table, new)?.into_iter().find(|end| end.is_none_or(|end| end <= day)) {
        None => Ok(()),
        Some(end) => Err(ReportError::Schema {
            table: table.to_owned(),
            column: PERIOD_END.to_owned(),
            expected: format!("a day after {}", text(day)),
            found: end.map_or_else(|| "null".to_owned(), text),
        }),
    }
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
        (_, DataType::Utf8) => 2,
        _ => 3,
    };
    let mut names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).filter(|n| !ignore.iter().any(|i| i == n)).collect();
    names.sort_by_key(|name| schema.field_with_name(name).map_or(3, |field| rank(name, field.data_type())));
    let (_, rows) = keys(table, &batch, &names)?;
    let mut order: Vec<usize> = (0..batch.num_rows()).collect();
    order.sort_by(|a, b| rows.row(*a).cmp(&rows.row(*b)));
    take(table, &batch, order)
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
        return vec![std::sync::Arc::new(nothing)];
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
    let names_and_types = |schema: &Schema| -> Vec<(String, DataType)> { schema.fields().iter().map(|f| (f.name().clone(), f.data_type().clone())).collect() };
    names_and_types(a) == names_and_types(b)
}

#[cfg(test)]
mod tests;
