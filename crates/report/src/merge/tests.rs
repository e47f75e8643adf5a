//! Which rows a write keeps, replaces, leaves alone and refuses.

use super::{Merged, SMALL_FILE};
use crate::delta::{EndingAfter, Replace, TableWrite};
use crate::error::ReportError;
use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Int64Type;
use std::sync::Arc;

/// Rows of (period start, team, value, run).
fn rows(list: &[(i32, &str, Option<i64>, &str)]) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("grain", Arc::new(StringArray::from_iter_values(list.iter().map(|_| "month")))),
        ("period_start", Arc::new(Date32Array::from_iter_values(list.iter().map(|r| r.0)))),
        ("period_end", Arc::new(Date32Array::from_iter_values(list.iter().map(|r| r.0 + 28)))),
        ("team", Arc::new(StringArray::from_iter_values(list.iter().map(|r| r.1)))),
        ("value", Arc::new(list.iter().map(|r| r.2).collect::<Int64Array>())),
        ("run_id", Arc::new(StringArray::from_iter_values(list.iter().map(|r| r.3)))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

/// Of months from the one of a day on.
fn write(batch: RecordBatch, first: i32) -> TableWrite {
    TableWrite {
        name: "t".to_owned(),
        rows: batch.into(),
        replace: Replace::EndingAfter(EndingAfter { day: first, ..EndingAfter::default() }),
        ignore: vec!["run_id".to_owned()],
        transaction: ("job/t".to_owned(), 1),
    }
}

fn merged(old: &RecordBatch, new: RecordBatch, first: i32) -> Merged {
    merge(&write(new, first), Some(old), &[old.num_rows()]).unwrap()
}

fn merge(write: &TableWrite, old: Option<&RecordBatch>, files: &[usize]) -> Result<Merged, ReportError> {
    super::merge(write, &write.rows.all().unwrap(), old, files)
}

#[test]
fn rows_of_other_periods_are_kept() {
    let old = rows(&[(0, "a", Some(1), "r1"), (31, "a", Some(2), "r1")]);
    let merged = merged(&old, rows(&[(31, "b", Some(3), "r2"), (31, "a", Some(4), "r2")]), 31);
    assert!(merged.changed);
    assert_eq!(merged.rows, rows(&[(0, "a", Some(1), "r1"), (31, "a", Some(4), "r2"), (31, "b", Some(3), "r2")]));
}

#[test]
fn equal_rows_change_nothing_whatever_the_run() {
    let old = rows(&[(0, "a", Some(1), "r1"), (31, "a", None, "r1")]);
    let merged = merged(&old, rows(&[(31, "a", None, "r2")]), 31);
    assert!(!merged.changed);
    assert_eq!(merged.rows, old);
}

#[test]
fn a_row_that_says_the_same_keeps_its_run() {
    let old = rows(&[(31, "a", Some(1), "r1"), (31, "b", Some(2), "r1")]);
    let merged = merged(&old, rows(&[(31, "a", Some(1), "r2"), (31, "b", Some(3), "r2")]), 31);
    assert!(merged.changed);
    assert_eq!(merged.rows, rows(&[(31, "a", Some(1), "r1"), (31, "b", Some(3), "r2")]));
}

#[test]
fn a_period_without_rows_loses_its_old_ones() {
    let old = rows(&[(0, "a", Some(1), "r1"), (31, "a", Some(2), "r1")]);
    let merged = merged(&old, rows(&[]), 31);
    assert!(merged.changed);
    assert_eq!(merged.rows, rows(&[(0, "a", Some(1), "r1")]));
}

#[test]
fn equal_rows_are_matched_one_to_one() {
    let old = rows(&[(31, "a", Some(1), "r1"), (31, "a", Some(1), "r1")]);
    assert!(merged(&old, rows(&[(31, "a", Some(1), "r2")]), 31).changed);
    assert!(!merged(&old, rows(&[(31, "a", Some(1), "r2"), (31, "a", Some(1), "r2")]), 31).changed);
}

#[test]
fn a_row_outside_the_replaced_periods_is_refused() {
    let error = merge(&write(rows(&[(0, "a", Some(1), "r2")]), 31), None, &[]).unwrap_err();
    assert_eq!(error.to_string(), "table `t`: column `period_end` is 1970-01-29, expected a day after 1970-02-01");
}

#[test]
fn a_new_column_is_null_in_kept_rows() {
    let old = rows(&[(0, "a", Some(1), "r1"), (31, "a", Some(2), "r1")]);
    let new = rows(&[(31, "a", Some(2), "r2")]);
    let mut columns: Vec<(String, ArrayRef, bool)> = new.schema_ref().fields().iter().zip(new.columns()).map(|(f, c)| (f.name().clone(), Arc::clone(c), true)).collect();
    columns.insert(5, ("orders".to_owned(), Arc::new(Int64Array::from(vec![7])), true));
    let new = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let merged = merged(&old, new, 31);
    assert!(merged.changed);
    let orders = merged.rows.column_by_name("orders").unwrap().as_primitive::<Int64Type>();
    assert!(orders.is_null(0));
    assert_eq!(orders.value(1), 7);
    assert_eq!(merged.rows.schema().index_of("orders").unwrap(), 5);
}

#[test]
fn replacing_all_drops_columns_and_keeps_the_order_of_tables_without_periods() {
    let names: ArrayRef = Arc::new(StringArray::from(vec!["z", "a"]));
    let old = RecordBatch::try_from_iter_with_nullable([("metric", Arc::clone(&names), true), ("note", Arc::clone(&names), true)]).unwrap();
    let new = RecordBatch::try_from_iter_with_nullable([("metric", names, true)]).unwrap();
    let write = TableWrite { replace: Replace::All, ..write(new.clone(), 0) };
    let merged = merge(&write, Some(&old), &[2]).unwrap();
    assert!(merged.changed);
    assert_eq!(merged.rows, new);
    assert!(!merge(&write, Some(&new), &[2]).unwrap().changed);
}

#[test]
fn periods_need_their_columns() {
    let batch = rows(&[]).project(&[0, 1]).unwrap();
    let error = merge(&write(batch, 31), None, &[]).unwrap_err();
    assert_eq!(error.to_string(), "table `t`: column `period_end` is missing, expected Date32");
}

/// Rows of (period end, metric, value).
fn late_rows(list: &[(i32, &str, i64)]) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("period_end", Arc::new(Date32Array::from_iter_values(list.iter().map(|r| r.0)))),
        ("metric", Arc::new(StringArray::from_iter_values(list.iter().map(|r| r.1)))),
        ("value", Arc::new(Int64Array::from_iter_values(list.iter().map(|r| r.2)))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

fn late_write(batch: RecordBatch, days: &[(&str, i32)]) -> TableWrite {
    let days = days.iter().map(|(metric, day)| ((*metric).to_owned(), *day)).collect();
    TableWrite { replace: Replace::EndingAfter(EndingAfter { day: 10, by: Some(("metric".to_owned(), days)), only: None }), ..write(batch, 0) }
}

#[test]
fn each_text_has_its_own_day() {
    let old = late_rows(&[(20, "churn", 1), (20, "revenue", 2), (40, "churn", 3), (40, "revenue", 4)]);
    let new = late_rows(&[(20, "churn", 5), (40, "churn", 3), (40, "revenue", 6)]);
    let merged = merge(&late_write(new, &[("revenue", 30)]), Some(&old), &[4]).unwrap();
    assert_eq!(merged.rows, late_rows(&[(20, "revenue", 2), (20, "churn", 5), (40, "churn", 3), (40, "revenue", 6)]));
    let error = merge(&late_write(late_rows(&[(20, "revenue", 1)]), &[("revenue", 30)]), Some(&old), &[4]).unwrap_err();
    assert_eq!(error.to_string(), "table `t`: column `period_end` is 1970-01-21, expected a day after 1970-01-31");
}

#[test]
fn a_large_file_whose_rows_are_all_still_there_stays() {
    let file = |end: i32, value: i64| vec![(end, "revenue", value); SMALL_FILE];
    let of = |files: &[Vec<(i32, &'static str, i64)>]| late_rows(&files.concat());
    let old = of(&[file(20, 1), file(40, 2)]);
    let merged = merge(&late_write(of(&[file(20, 1), file(40, 3)]), &[]), Some(&old), &[SMALL_FILE, SMALL_FILE]).unwrap();
    assert_eq!(merged.stays, [true, false]);
    assert_eq!(merged.rows, of(&[file(40, 3)]));
    let one_less = merge(&late_write(of(&[file(20, 1)[1..].to_vec(), file(40, 2)]), &[]), Some(&old), &[SMALL_FILE, SMALL_FILE]).unwrap();
    assert_eq!(one_less.stays, [false, true]);
    assert_eq!(one_less.rows, of(&[file(20, 1)[1..].to_vec()]));
}
