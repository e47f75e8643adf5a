//! What goes and what stays, over a hundred and more commits of one table.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use url::Url;

use crate::delta::{Replace, ResultStore, TableWrite};
use crate::error::ReportError;
use crate::objects::KEPT;
use crate::vacuum::Vacuumed;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn in_memory() -> ResultStore {
    ResultStore { store: Arc::new(InMemory::new()), url: Url::parse("memory:///results").unwrap() }
}

fn numbers(number: i64) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("number", Arc::new(Int64Array::from(vec![number])) as ArrayRef, true)]).unwrap()
}

/// Commits one row in the place of the other, so often.
async fn commit(store: &ResultStore, numbers_of_rows: std::ops::Range<i64>) {
    for number in numbers_of_rows {
        let write =
            TableWrite { name: "sales".to_owned(), rows: numbers(number).into(), replace: Replace::All, ignore: Vec::new(), transaction: ("test/sales".to_owned(), number) };
        store.write(&write).await.unwrap();
    }
}

/// An instant of the store that is neither that of what was done nor that of what comes.
async fn instant(store: &ResultStore) -> DateTime<Utc> {
    let pause = async || tokio::time::sleep(Duration::from_millis(5)).await;
    let path = Path::from("clock");
    pause().await;
    store.store.put(&path, PutPayload::from_static(b"now")).await.unwrap();
    pause().await;
    store.store.head(&path).await.unwrap().last_modified
}

async fn names(store: &ResultStore, folder: &str) -> Vec<String> {
    let found: Vec<_> = store.store.list(Some(&Path::from(folder))).try_collect().await.unwrap();
    let mut names: Vec<String> = found.iter().filter_map(|file| file.location.filename()).map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn versions_since_the_instant_are_read_and_no_log_entry_before_their_checkpoint_stays() {
    run(async {
        let store = in_memory();
        commit(&store, 0..120).await;
        let before = instant(&store).await;
        commit(&store, 120..130).await;
        let gone = store.vacuum("sales", before).await.unwrap();
        // 119 data files of versions 0 to 118, and log entries 0 to 98; the checkpoint is of version 99.
        assert_eq!(gone.files, 119 + 99);
        assert!(gone.bytes > 0);
        assert_eq!(store.read_at("sales", 119).await.unwrap(), Some(numbers(119)));
        assert_eq!(store.read("sales").await.unwrap(), Some(numbers(129)));
        let log = names(&store, "sales/_delta_log").await;
        assert_eq!(log.first().map(String::as_str), Some("00000000000000000099.checkpoint.parquet"));
        assert_eq!(log.iter().filter(|name| name.strip_suffix(".json").is_some()).count(), 31);
        // A version that is gone is refused, and the table goes on.
        let refused = store.read_at("sales", 50).await.unwrap_err();
        assert!(matches!(&refused, ReportError::Delta { doing: "open an earlier version of", .. }), "{refused}");
        commit(&store, 130..131).await;
        assert_eq!(store.version("sales").await.unwrap(), Some(130));
        assert_eq!(store.vacuum("sales", before).await.unwrap(), Vacuumed::default());
    });
}

#[test]
fn without_a_checkpoint_before_the_instant_the_log_stays() {
    run(async {
        let store = in_memory();
        commit(&store, 0..90).await;
        let before = instant(&store).await;
        commit(&store, 90..120).await;
        let gone = store.vacuum("sales", before).await.unwrap();
        assert_eq!(gone.files, 89);
        assert_eq!(names(&store, "sales/_delta_log").await.iter().filter(|name| name.strip_suffix(".json").is_some()).count(), 120);
        assert_eq!(store.read_at("sales", 89).await.unwrap(), Some(numbers(89)));
    });
}

#[test]
fn files_that_no_version_has_go_unless_they_are_younger() {
    run(async {
        let store = in_memory();
        commit(&store, 0..1).await;
        let put = async |path: &str| store.store.put(&Path::from(path), PutPayload::from_static(b"rows")).await.unwrap();
        put("sales/part-of-a-run-that-died.parquet").await;
        put(&format!("{KEPT}/job/old.parquet")).await;
        put(&format!("{KEPT}/job/needed.parquet")).await;
        let before = instant(&store).await;
        put("sales/part-of-a-run-that-goes-on.parquet").await;
        put(&format!("{KEPT}/job/new.parquet")).await;
        assert_eq!(store.vacuum("sales", before).await.unwrap(), Vacuumed { files: 1, bytes: 4 });
        let needed = [format!("{KEPT}/job/needed.parquet")].into();
        assert_eq!(store.vacuum_kept(&needed, before).await.unwrap(), Vacuumed { files: 1, bytes: 4 });
        assert_eq!(names(&store, KEPT).await, ["needed.parquet", "new.parquet"]);
        assert!(names(&store, "sales").await.contains(&"part-of-a-run-that-goes-on.parquet".to_owned()));
        assert_eq!(store.vacuum("no_table", before).await.unwrap(), Vacuumed::default());
    });
}
