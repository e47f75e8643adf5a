//! What a table holds after a write: the rows that stay, the rows that come, in order.
//!
//! In: the rows of the table, the new rows, the periods that they replace. Out: all rows of the next version, and whether it differs.
//! A new row that says the same as the old one, but for columns that do not count, leaves the old one in place.

use std::cmp::Ordering;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DynComparator, RecordBatch, UInt64Array, make_comparator};
use arrow::compute::kernels::rank::rank as ranks_of;
use arrow::compute::{SortOptions, cast, concat_batches, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Date32Type, Int32Type, Schema};
use arrow::error::ArrowError;
use rayon::prelude::*;

use crate::data_files::{PERIOD_END, PERIOD_START};
use crate::delta::{EndingAfter, Replace, TableWrite};
use crate::error::ReportError;
use crate::stable::{Misfit, align, coded, is_text, stabilise, union};

const GRAIN: &str = "grain";

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

/// Puts new rows of a write in the place of old ones, which are of files with so many rows each; `old` is `None` where the table is not there yet.
pub(crate) fn merge(write: &TableWrite, new: &RecordBatch, old: Option<&RecordBatch>, files: &[usize]) -> Result<Merged, ReportError> {
    let table = write.name.as_str();
    let new = stabilise(table, new)?;
    if let Replace::EndingAfter(late) = &write.replace {
        check_ends(table, &new, late)?;
    }
    let Some(old) = old else {
        let rows = Order::new(table, &new, &write.ignore)?.taken(table, &new, (0..new.num_rows()).collect())?;
        return Ok(Merged { rows, changed: true, stays: Vec::new() });
    };
    let replaced = replaced(table, old, &write.replace)?;
    let kept = filter(table, old, &replaced.iter().map(|r| Some(!r)).collect())?;
    let gone = filter(table, old, &BooleanArray::from(replaced.clone()))?;
    let schema = union(new.schema_ref(), &kept);
    let kept = align(table, &kept, &schema, Misfit::Refuse)?;
    let gone = align(table, &gone, &schema, Misfit::Null)?;
    let new = align(table, &new, &schema, Misfit::Refuse)?;

    let all = concat_batches(&schema, [&kept, &gone, &new]).map_err(ReportError::rows(table, "join"))?;
    let (first_gone, first_new) = (kept.num_rows(), kept.num_rows() + gone.num_rows());
    let order = Order::new(table, &all, &write.ignore)?;
    let same = order.same(first_gone..first_new, first_new..all.num_rows());
    let changed = !same_columns(&schema, old.schema_ref()) || same.iter().any(Option::is_none) || same.len() != gone.num_rows();
    let mut retained: Vec<bool> = replaced.iter().map(|replaced| !replaced).collect();
    let gone_rows: Vec<usize> = (0..replaced.len()).filter(|row| replaced[*row]).collect();
    same.iter().flatten().for_each(|place| retained[gone_rows[place - first_gone]] = true);
    let may_stay = matches!(write.replace, Replace::EndingAfter(_)) && same_columns(&schema, old.schema_ref());
    let stays = files_that_stay(files, |rows| may_stay && rows.len() >= SMALL_FILE && retained[rows].iter().all(|row| *row));
    let in_place: Vec<bool> = files.iter().zip(&stays).flat_map(|(rows, stays)| std::iter::repeat_n(*stays, *rows)).collect();
    let moves = |row: usize| !in_place.get(row).copied().unwrap_or(false);

    let kept_rows = (0..replaced.len()).filter(|row| !replaced[*row]).enumerate().filter(|(_, row)| moves(*row)).map(|(place, _)| place);
    let rows = kept_rows.chain(same.iter().enumerate().filter_map(|(row, old)| match old {
        Some(old) => moves(gone_rows[old - first_gone]).then_some(*old),
        None => Some(first_new + row),
    }));
    Ok(Merged { rows: order.taken(table, &all, rows.collect())?, changed, stays })
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

/// New rows of periods that end too early would stand beside the old ones: refused.
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

fn column<'a>(table: &str, batch: &'a RecordBatch, name: &str, kind: &DataType) -> Result<&'a ArrayRef, ReportError> {
    let found = batch.column_by_name(name);
    found.filter(|column| column.data_type() == kind).ok_or_else(|| ReportError::Schema {
        table: table.to_owned(),
        column: name.to_owned(),
        expected: kind.to_string(),
        found: found.map_or_else(|| "missing".to_owned(), |column| column.data_type().to_string()),
    })
}

/// The order of rows: by grain, period, texts, then all other columns that count. Rows that are equal in it say the same.
struct Order {
    columns: Vec<DynComparator>,
    /// Whether the table has periods; one without keeps the order given.
    has_periods: bool,
}

impl Order {
    fn new(table: &str, rows: &RecordBatch, ignore: &[String]) -> Result<Self, ReportError> {
        let schema = rows.schema_ref();
        let has = |name: &str| schema.column_with_name(name).is_some();
        let rank = |name: &str, kind: &DataType| match (name, kind) {
            (GRAIN, _) => 0,
            (PERIOD_START, _) => 1,
            (_, kind) if is_text(kind) => 2,
            _ => 3,
        };
        let counting = schema.fields().iter().zip(rows.columns()).filter(|(field, _)| !ignore.iter().any(|name| name == field.name()));
        let mut columns: Vec<_> = counting.map(|(field, column)| (rank(field.name(), field.data_type()), column)).collect();
        columns.sort_by_key(|(rank, _)| *rank);
        let refused = ReportError::rows(table, "compare");
        let compared: Result<Vec<_>, ArrowError> = columns.par_iter().map(|(_, column)| comparator(column)).collect();
        Ok(Self { columns: compared.map_err(refused)?, has_periods: has(GRAIN) && has(PERIOD_START) })
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        self.columns.iter().map(|compare| compare(a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    }

    fn sort(&self, rows: &mut [usize]) {
        // Rows that come from files are in order already, which this sort makes use of.
        rows.par_sort_by(|a, b| self.compare(*a, *b));
    }

    /// For each new row the old row that says the same, each old row at most once.
    fn same(&self, old: Range<usize>, new: Range<usize>) -> Vec<Option<usize>> {
        let (mut of_old, mut of_new): (Vec<usize>, Vec<usize>) = (old.collect(), new.clone().collect());
        self.sort(&mut of_old);
        self.sort(&mut of_new);
        let mut waiting = of_old.into_iter().peekable();
        let mut same = vec![None; of_new.len()];
        for row in of_new {
            while waiting.next_if(|old| self.compare(*old, row).is_lt()).is_some() {}
            same[row - new.start] = waiting.next_if(|old| self.compare(*old, row).is_eq());
        }
        same
    }

    /// Some of the rows, in order.
    fn taken(&self, table: &str, all: &RecordBatch, mut rows: Vec<usize>) -> Result<RecordBatch, ReportError> {
        if self.has_periods {
            self.sort(&mut rows);
        }
        if rows.len() == all.num_rows() && rows.is_sorted() {
            return Ok(all.clone());
        }
        let places = UInt64Array::from_iter_values(rows.into_iter().map(|row| u64::try_from(row).unwrap_or(u64::MAX)));
        take_record_batch(all, &places).map_err(ReportError::rows(table, "order"))
    }
}

/// How rows of a column compare: coded texts by the places of these texts in their order. Null comes first.
fn comparator(column: &ArrayRef) -> Result<DynComparator, ArrowError> {
    let Some(coded) = column.as_dictionary_opt::<Int32Type>() else { return make_comparator(column, column, SortOptions::default()) };
    let (keys, places) = (coded.keys().clone(), ranks_of(coded.values(), None)?);
    let place = move |row: usize| keys.is_valid(row).then(|| usize::try_from(keys.value(row)).ok().and_then(|key| places.get(key))).flatten().copied();
    Ok(Box::new(move |a, b| place(a).cmp(&place(b))))
}

fn filter(table: &str, batch: &RecordBatch, mask: &BooleanArray) -> Result<RecordBatch, ReportError> {
    filter_record_batch(batch, mask).map_err(ReportError::rows(table, "filter"))
}

pub(crate) fn same_columns(a: &Schema, b: &Schema) -> bool {
    let plain = |kind: &DataType| if is_text(kind) { DataType::Utf8 } else { kind.clone() };
    let names_and_types = |schema: &Schema| -> Vec<(String, DataType)> { schema.fields().iter().map(|f| (f.name().clone(), plain(f.data_type()))).collect() };
    names_and_types(a) == names_and_types(b)
}

#[cfg(test)]
mod tests;
