//! Tables made, replaced, widened, left alone and fought over, on stores in memory and on disk.

use super::{EndingAfter, Replace, ResultStore, TableWrite};
use crate::error::ReportError;
use crate::new_rows::{MakeRows, NewRows, PeriodRows};
use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::error::ArrowError;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use std::sync::Arc;
use url::Url;

fn in_memory() -> ResultStore {
    ResultStore { store: Arc::new(InMemory::new()), url: Url::parse("memory:///results").unwrap() }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(future)
}

/// Rows of (period start, team, revenue in cents, run).
fn rows(list: &[(i32, &str, i128, &str)]) -> RecordBatch {
    let money = Decimal128Array::from_iter_values(list.iter().map(|r| r.2)).with_precision_and_scale(18, 2).unwrap();
    let at = TimestampMicrosecondArray::from_iter_values(list.iter().map(|_| 1_000_000)).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("grain", Arc::new(StringArray::from_iter_values(list.iter().map(|_| "month")))),
        ("period_start", Arc::new(Date32Array::from_iter_values(list.iter().map(|r| r.0)))),
        ("period_end", Arc::new(Date32Array::from_iter_values(list.iter().map(|r| r.0 + 28)))),
        ("team", Arc::new(StringArray::from_iter_values(list.iter().map(|r| r.1)))),
        ("revenue", Arc::new(money)),
        ("run_id", Arc::new(StringArray::from_iter_values(list.iter().map(|r| r.3)))),
        ("computed_at", Arc::new(at)),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

/// Of months from the one of a day on.
fn write(batch: RecordBatch, first: i32) -> TableWrite {
    TableWrite {
        name: "revenue".to_owned(),
        rows: batch.into(),
        replace: Replace::EndingAfter(EndingAfter { day: first, ..EndingAfter::default() }),
        ignore: vec!["run_id".to_owned(), "computed_at".to_owned()],
        transaction: ("nightly/revenue".to_owned(), 1),
    }
}

async fn replaces_periods(store: &ResultStore) {
    let first = store.write(&write(rows(&[(31, "영업", 100, "r1"), (0, "a", 50, "r1")]), 0)).await.unwrap();
    assert_eq!((first.version, first.changed, first.rows), (0, true, 2));
    let second = store.write(&write(rows(&[(31, "영업", 250, "r2"), (31, "b", 1, "r2")]), 31)).await.unwrap();
    assert_eq!((second.version, second.changed, second.rows), (1, true, 3));
    let read = store.read("revenue").await.unwrap().unwrap();
    assert_eq!(read.columns(), rows(&[(0, "a", 50, "r1"), (31, "b", 1, "r2"), (31, "영업", 250, "r2")]).columns());
    assert_eq!(store.version("revenue").await.unwrap(), Some(1));
}

#[test]
fn periods_are_replaced_and_others_kept() {
    run(replaces_periods(&in_memory()));
}

#[test]
fn a_local_folder_serves_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let store = ResultStore { store: Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap()), url: Url::from_directory_path(folder.path()).unwrap() };
    run(async {
        replaces_periods(&store).await;
        // More commits than a listing is likely to have in order by chance.
        for cents in 0..12 {
            store.write(&write(rows(&[(31, "a", cents, "r3")]), 31)).await.unwrap();
        }
        assert_eq!(store.version("revenue").await.unwrap(), Some(13));
    });
    assert!(folder.path().join("revenue/_delta_log/00000000000000000000.json").is_file());
}

#[test]
fn a_table_that_is_not_there_is_none() {
    run(async {
        assert_eq!(in_memory().read("revenue").await.unwrap(), None);
        assert_eq!(in_memory().version("revenue").await.unwrap(), None);
    });
}

#[test]
fn writing_the_same_twice_commits_once() {
    run(async {
        let store = in_memory();
        store.write(&write(rows(&[(31, "a", 100, "r1")]), 31)).await.unwrap();
        let again = store.write(&write(rows(&[(31, "a", 100, "r2")]), 31)).await.unwrap();
        assert_eq!((again.version, again.changed, again.rows), (0, false, 1));
        let read = store.read("revenue").await.unwrap().unwrap();
        assert_eq!(read.columns(), rows(&[(31, "a", 100, "r1")]).columns());
    });
}

#[test]
fn an_empty_table_has_its_columns() {
    run(async {
        let store = in_memory();
        let written = store.write(&write(rows(&[]), 31)).await.unwrap();
        assert_eq!((written.version, written.changed, written.rows), (0, true, 0));
        assert_eq!(store.read("revenue").await.unwrap().unwrap().num_columns(), 7);
        assert!(!store.write(&write(rows(&[]), 31)).await.unwrap().changed);
    });
}

#[test]
fn a_new_metric_is_a_new_column() {
    run(async {
        let store = in_memory();
        store.write(&write(rows(&[(0, "a", 50, "r1"), (31, "a", 100, "r1")]), 0)).await.unwrap();
        let batch = rows(&[(31, "a", 100, "r2")]);
        let mut columns: Vec<(String, ArrayRef, bool)> = batch.schema_ref().fields().iter().zip(batch.columns()).map(|(f, c)| (f.name().clone(), Arc::clone(c), true)).collect();
        columns.insert(5, ("orders".to_owned(), Arc::new(Int64Array::from(vec![7])), true));
        let wider = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let written = store.write(&write(wider.clone(), 31)).await.unwrap();
        assert_eq!((written.version, written.changed, written.rows), (1, true, 2));
        let read = store.read("revenue").await.unwrap().unwrap();
        assert_eq!(read.column_by_name("orders").unwrap().as_ref(), &Int64Array::from(vec![None, Some(7)]) as &dyn arrow::array::Array);
        assert!(!store.write(&write(wider, 31)).await.unwrap().changed);
    });
}

#[test]
fn two_writers_of_one_application_conflict() {
    run(async {
        let store = in_memory();
        let stale = store.open("revenue").await.unwrap();
        store.write(&write(rows(&[(31, "a", 100, "r1")]), 31)).await.unwrap();
        let error = store.write_from(stale, &write(rows(&[(31, "a", 100, "r2")]), 31), None).await.unwrap_err();
        assert!(matches!(error, ReportError::Concurrent { .. }), "{error}");
        assert_eq!(store.read("revenue").await.unwrap().unwrap().num_rows(), 1);

        let stale = store.open("revenue").await.unwrap();
        store.write(&write(rows(&[(0, "a", 1, "r3")]), 0)).await.unwrap();
        let error = store.write_from(stale, &write(rows(&[(31, "a", 2, "r4")]), 31), None).await.unwrap_err();
        assert!(matches!(error, ReportError::Concurrent { .. }), "{error}");
    });
}

#[test]
fn a_run_that_was_overtaken_writes_no_more() {
    run(async {
        let store = in_memory();
        let numbered = |cents, number| TableWrite { transaction: ("nightly/revenue".to_owned(), number), ..write(rows(&[(31, "a", cents, "r")]), 31) };
        store.write(&numbered(1, 5)).await.unwrap();
        let error = store.write(&numbered(2, 4)).await.unwrap_err();
        assert!(matches!(error, ReportError::Concurrent { .. }), "{error}");
        // A later run builds on what an earlier one leaves, even where that one comes in between.
        let stale = store.open("revenue").await.unwrap();
        store.write(&numbered(3, 6)).await.unwrap();
        let written = store.write_from(stale, &numbered(4, 7), None).await.unwrap();
        assert_eq!((written.version, written.changed), (2, true));
    });
}

/// Rows that are there, given as if they were made.
#[derive(Debug)]
struct Making(RecordBatch);

impl MakeRows for Making {
    fn count(&self) -> usize {
        self.0.num_rows()
    }

    fn rows(&self, places: &UInt64Array) -> Result<RecordBatch, ArrowError> {
        take_record_batch(&self.0, places)
    }

    fn periods(&self) -> Vec<PeriodRows> {
        let there = NewRows::There(self.0.clone()).periods();
        there.unwrap_or_default().into_iter().map(|(period, _)| period).collect()
    }
}

#[test]
fn rows_that_are_made_are_written_as_rows_that_are_there() {
    run(async {
        let made = |rows: RecordBatch, replace: Replace| TableWrite { rows: NewRows::Made(Arc::new(Making(rows))), replace, ..write(self::rows(&[]), 0) };
        let store = in_memory();
        let first = rows(&[(0, "a", 50, "r1"), (31, "b", 1, "r1")]);
        let written = store.write(&made(first.clone(), Replace::All)).await.unwrap();
        assert_eq!((written.version, written.changed, written.rows), (0, true, 2));
        assert_eq!(store.read("revenue").await.unwrap().unwrap(), first);
        // A table that is there is compared with: the same again is no commit, and one row more is one.
        assert!(!store.write(&made(first, Replace::All)).await.unwrap().changed);
        let more = rows(&[(0, "a", 50, "r1"), (31, "b", 1, "r1"), (31, "c", 2, "r2")]);
        let written = store.write(&made(more.clone(), Replace::All)).await.unwrap();
        assert_eq!((written.version, written.changed, written.rows), (1, true, 3));
        assert_eq!(store.read("revenue").await.unwrap().unwrap(), more);
        // Nor are they written unseen where periods have to be looked at.
        let stray = store.write(&TableWrite { name: "other".to_owned(), ..made(more, Replace::EndingAfter(EndingAfter { day: 60, ..EndingAfter::default() })) }).await.unwrap_err();
        assert!(matches!(stray, ReportError::Schema { .. }), "{stray}");
    });
}

/// Rows of days by their number since 1970-01-01, how many there are of each, and the revenue of the last of them.
fn of_days(days: &[(i32, i64, i64)]) -> RecordBatch {
    let rows = |(day, count, last): &(i32, i64, i64)| (1..=*count).map(|team| (*day, team, if team == *count { *last } else { 0 })).collect::<Vec<_>>();
    let each: Vec<(i32, i64, i64)> = days.iter().flat_map(rows).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("grain", Arc::new(StringArray::from_iter_values(each.iter().map(|_| "day")))),
        ("period_start", Arc::new(Date32Array::from_iter_values(each.iter().map(|row| row.0)))),
        ("period_end", Arc::new(Date32Array::from_iter_values(each.iter().map(|row| row.0 + 1)))),
        ("team", Arc::new(StringArray::from_iter_values(each.iter().map(|row| format!("{:06}", row.1))))),
        ("revenue", Arc::new(Int64Array::from_iter_values(each.iter().map(|row| row.2)))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

#[test]
fn of_a_large_table_months_that_say_the_same_stay() {
    run(async {
        let store = in_memory();
        let all = |rows: RecordBatch| TableWrite { rows: NewRows::Made(Arc::new(Making(rows))), replace: Replace::All, ..write(self::rows(&[]), 0) };
        let files = || async { crate::data_files::DataFiles::every(&store.open("revenue").await.unwrap()).taken_out().collect::<std::collections::BTreeSet<String>>() };
        // Days of January, February and March 1970.
        let many = 20_000;
        store.write(&all(of_days(&[(3, many, 1), (40, many, 2), (70, many, 3)]))).await.unwrap();
        let before = files().await;
        assert_eq!(before.len(), 3);
        assert!(!store.write(&all(of_days(&[(3, many, 1), (40, many, 2), (70, many, 3)]))).await.unwrap().changed);
        // One row of February differs, March is gone, and there is a day of April.
        let second = of_days(&[(3, many, 1), (40, many, 5), (100, 10, 4)]);
        let written = store.write(&all(second.clone())).await.unwrap();
        assert_eq!((written.version, written.changed, written.rows), (1, true, 40_010));
        let after = files().await;
        assert_eq!((after.len(), before.intersection(&after).count()), (3, 1));
        let mut found = Vec::new();
        let visit = |months: Vec<(std::ops::Range<i32>, RecordBatch)>| {
            found.extend(months.into_iter().map(|(days, rows)| (days, rows.num_rows(), rows.column_by_name("revenue").unwrap().clone())));
            Ok(())
        };
        store.visit_ending_after("revenue", (35, None), visit).await.unwrap();
        let revenue = |from: usize, rows: usize| second.column_by_name("revenue").unwrap().slice(from, rows);
        assert_eq!(found, [(31..59, 20_000, revenue(20_000, 20_000)), (90..120, 10, revenue(40_000, 10))]);
        let refused = store.visit_ending_after("revenue", (35, None), |_| Err(ArrowError::ComputeError("no".to_owned()))).await.unwrap_err();
        assert!(refused.to_string().contains("`revenue`"), "{refused}");
    });
}

#[test]
fn an_exchange_needs_the_rows_that_were_read() {
    run(async {
        let store = in_memory();
        let write = write(rows(&[(31, "a", 1, "r1")]), 31);
        assert!(store.exchange(&write, &|rows| rows.is_some()).await.is_err());
        store.exchange(&write, &|rows| rows.is_none()).await.unwrap();
        let error = store.exchange(&write, &|rows| rows.is_none()).await.unwrap_err();
        assert!(matches!(error, ReportError::Concurrent { .. }), "{error}");
    });
}

#[test]
fn kept_rows_come_back_and_a_missing_or_damaged_object_is_named() {
    run(async {
        let store = in_memory();
        let (one, four) = (rows(&[(31, "a", 1, "r1")]), rows(&[(0, "b", 2, "r1")]));
        let path = |name: &str| format!("_kept/{name}.parquet");
        store.keep(vec![(path("one"), one.clone()), (path("three"), one.clone()), (path("four"), four.clone())]).await.unwrap();
        let torn = object_store::path::Path::from(path("three"));
        object_store::ObjectStoreExt::put(store.store.as_ref(), &torn, object_store::PutPayload::from_static(b"torn")).await.unwrap();
        assert_eq!(store.kept(vec![path("four"), path("one")]).await.unwrap(), [four, one]);
        for (name, what) in [("two", ""), ("three", " is damaged")] {
            let file = path(name);
            let error = store.kept(vec![path("one"), file.clone()]).await.unwrap_err();
            assert_eq!(error.to_string(), format!("cannot read table `_kept` from `memory:///results/{file}`: file `{file}`{what}"));
            assert_eq!(error.lost_file(), Some(file.as_str()));
        }
        assert_eq!(ReportError::Name { table: "x".to_owned() }.lost_file(), None);
    });
}

#[test]
fn another_applications_commit_is_built_upon() {
    run(async {
        let store = in_memory();
        let stale = store.open("revenue").await.unwrap();
        store.write(&write(rows(&[(0, "a", 1, "r1")]), 0)).await.unwrap();
        let other = TableWrite { transaction: ("weekly/revenue".to_owned(), 1), ..write(rows(&[(31, "a", 2, "r2")]), 31) };
        let written = store.write_from(stale, &other, None).await.unwrap();
        assert_eq!((written.version, written.rows), (1, 2));
    });
}

#[test]
fn messages_show_no_credentials() {
    let store = ResultStore { url: Url::parse("s3://key:secret@bucket/results/?token=x").unwrap(), ..in_memory() };
    assert_eq!(store.location("revenue"), "s3://bucket/results/revenue");
    assert_eq!(format!("{store:?}"), "ResultStore(\"s3://bucket/results\")");
}

#[test]
fn a_name_outside_the_results_is_refused() {
    let error = run(in_memory().read("../elsewhere")).unwrap_err();
    assert!(matches!(error, ReportError::Name { .. }), "{error}");
}
