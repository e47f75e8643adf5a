//! The ledger of a job: what its last run read and found, and the cells and rows that it keeps. A Delta table, `kpi_ledger`.
//!
//! In: rows of the job. Out: files with what their footers said, kept cells by request, what tests found, tables with their versions; and back.
//! The ledger is exchanged as a whole in one commit: what it says is of one run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use chrono::{DateTime, Utc};
use quotient_ingest::{KnownFiles, LakeFile, Moments, TimeKind};
use quotient_metrics::ColumnsRead;
use quotient_report::{RunWork, Written};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::days::Days;
use crate::kept_tests::{KeptTest, KeptTests};
use crate::stored_cells::Question;

/// The name of the table.
pub(crate) const LEDGER: &str = "kpi_ledger";

/// What a job's last run left behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ledger {
    /// Grows with every run that publishes; no two runs have the same.
    pub(crate) epoch: i64,
    /// Whether a run has begun to publish, and not ended: tables may be its already.
    pub(crate) claimed: bool,
    /// The run whose results are there.
    pub(crate) run_id: String,
    /// What it took for now, in microseconds.
    pub(crate) as_of: Option<i64>,
    /// A hash of all that decides what a run computes beside the lake and as-of.
    pub(crate) job_hash: String,
    /// The columns of models that a job of this hash reads, where somebody looked.
    pub(crate) columns: Option<ColumnsRead>,
    /// The files that it read, by source.
    pub(crate) files: BTreeMap<String, KnownFiles>,
    /// The cells that it keeps, by request.
    pub(crate) cells: KeptCells,
    /// The rows of models that it keeps, by model.
    pub(crate) rows: BTreeMap<String, KeptRows>,
    /// What tests of sources found in these files.
    pub(crate) tests: KeptTests,
    /// The tables, with their versions.
    pub(crate) tables: Vec<Written>,
    /// Why the run computed, and what came of it.
    pub(crate) work: RunWork,
    /// A backfill that has begun and not ended.
    pub(crate) backfill: Option<Backfill>,
}

/// A backfill that can be resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Backfill {
    /// What was asked for.
    pub(crate) asked: String,
    /// The as-of of its first start, in microseconds.
    pub(crate) as_of: i64,
    /// The chunks that are done.
    pub(crate) done: Vec<Days>,
}

/// Kept cells of one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// What they answer.
    pub(crate) question: Question,
    /// Paths under the results, by year of the periods.
    pub(crate) parts: BTreeMap<i32, String>,
    /// The days whose cells are among them.
    pub(crate) covered: Vec<Days>,
    /// The first day of the first period that has a cell.
    #[serde(default)]
    pub(crate) first_day: Option<i32>,
}

/// What is kept of cells, by request.
pub(crate) type KeptCells = BTreeMap<String, Kept>;

/// Kept rows of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptRows {
    /// The hash of all that decides them beside the lake and as-of.
    pub(crate) hash: String,
    /// The columns that they have.
    #[serde(default)]
    pub(crate) columns: BTreeSet<String>,
    /// By month or year of their days.
    pub(crate) parts: BTreeMap<String, KeptPart>,
}

/// Rows of one month or year.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptPart {
    /// The path of the object under the results.
    pub(crate) path: String,
    /// How many there are.
    pub(crate) rows: u64,
}

#[derive(Serialize, Deserialize)]
struct RunDetail {
    claimed: bool,
    as_of: Option<i64>,
    job_hash: String,
    columns: Option<ColumnsRead>,
    backfill: Option<Backfill>,
    work: RunWork,
}

#[derive(Serialize, Deserialize)]
struct FileDetail {
    schema: Vec<(String, String)>,
    times: BTreeMap<String, (String, Option<(i64, i64)>)>,
}

/// One row, by kind: run, file, cells, rows, test, table.
struct Row {
    kind: &'static str,
    name: String,
    address: Option<String>,
    number: Option<i64>,
    rows: Option<i64>,
    etag: Option<String>,
    detail: Option<String>,
}

impl Ledger {
    /// As-of as an instant.
    pub(crate) fn instant(&self) -> Option<DateTime<Utc>> {
        self.as_of.and_then(DateTime::from_timestamp_micros)
    }

    /// Whether cells of a table are kept.
    pub(crate) fn has_cells(&self, table: &str) -> bool {
        self.cells.keys().any(|key| key.split('.').next() == Some(table))
    }

    /// Whether everything that is kept covers all days.
    pub(crate) fn is_whole(&self) -> bool {
        self.cells.values().all(|kept| kept.covered == [Days::ALL])
    }

    /// The files whose footers need not be read again, by address.
    pub(crate) fn known(&self) -> KnownFiles {
        let has_schema = |(_, file): &(&String, &LakeFile)| !file.schema.fields().is_empty();
        self.files.values().flatten().filter(has_schema).map(|(address, file)| (address.clone(), file.clone())).collect()
    }

    /// The paths of everything that is kept.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        self.cells.values().flat_map(|kept| kept.parts.values()).chain(self.rows.values().flat_map(|kept| kept.parts.values().map(|part| &part.path)))
    }

    /// The rows of a job; what cannot be read is as if it was never there, and is computed anew.
    pub(crate) fn read(batch: &RecordBatch, job: &str) -> Self {
        let mut ledger = Self::default();
        let text = |name: &str, row: usize| -> Option<String> {
            let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        let number = |name: &str, row: usize| -> Option<i64> {
            let column = batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
            column.is_valid(row).then(|| column.value(row))
        };
        for row in (0..batch.num_rows()).filter(|row| text("job", *row).as_deref() == Some(job)) {
            let (name, detail) = (text("name", row).unwrap_or_default(), text("detail", row).unwrap_or_default());
            match text("kind", row).as_deref() {
                Some("run") => {
                    ledger.epoch = number("number", row).unwrap_or_default();
                    ledger.run_id = name;
                    if let Ok(RunDetail { claimed, as_of, job_hash, columns, backfill, work }) = serde_json::from_str(&detail) {
                        (ledger.claimed, ledger.as_of, ledger.job_hash, ledger.columns, ledger.backfill, ledger.work) = (claimed, as_of, job_hash, columns, backfill, work);
                    }
                }
                Some("file") => {
                    let listed = text("address", row).zip(number("number", row).and_then(|size| u64::try_from(size).ok()));
                    let known = listed.zip(serde_json::from_str::<FileDetail>(&detail).ok());
                    if let Some(file) = known.map(|((address, size), detail)| detail.file(address, size)) {
                        let rows = number("rows", row).and_then(|rows| u64::try_from(rows).ok()).unwrap_or_default();
                        let file = LakeFile { etag: text("etag", row), rows, ..file };
                        ledger.files.entry(name).or_default().insert(file.address.clone(), file);
                    }
                }
                Some("cells") => {
                    if let Ok(kept) = serde_json::from_str(&detail) {
                        ledger.cells.insert(name, kept);
                    }
                }
                Some("rows") => {
                    if let Ok(kept) = serde_json::from_str(&detail) {
                        ledger.rows.insert(name, kept);
                    }
                }
                Some("test") => {
                    if let Ok(test) = serde_json::from_str::<KeptTest>(&detail) {
                        ledger.tests.insert(name, test);
                    }
                }
                Some("table") => {
                    let version = number("number", row).unwrap_or_default();
                    let rows = number("rows", row).and_then(|rows| u64::try_from(rows).ok()).unwrap_or_default();
                    ledger.tables.push(Written { name, version, changed: false, rows });
                }
                _ => {}
            }
        }
        ledger
    }

    /// The rows of the table: job, kind, name, address, number (an epoch, bytes or a version), rows, etag, detail (JSON), `run_id`.
    pub(crate) fn batch(&self, job: &str) -> Result<RecordBatch, arrow::error::ArrowError> {
        let rows = self.rows();
        let texts = |of: &dyn Fn(&Row) -> Option<&str>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<StringArray>()) };
        let same = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; rows.len()])) };
        let numbers = |of: &dyn Fn(&Row) -> Option<i64>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Int64Array>()) };
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("job", same(job)),
            ("kind", texts(&|row| Some(row.kind))),
            ("name", texts(&|row| Some(&row.name))),
            ("address", texts(&|row| row.address.as_deref())),
            ("number", numbers(&|row| row.number)),
            ("rows", numbers(&|row| row.rows)),
            ("etag", texts(&|row| row.etag.as_deref())),
            ("detail", texts(&|row| row.detail.as_deref())),
            ("run_id", same(&self.run_id)),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
    }

    fn rows(&self) -> Vec<Row> {
        let blank = Row { kind: "run", name: String::new(), address: None, number: None, rows: None, etag: None, detail: None };
        let detail =
            json!({"claimed": self.claimed, "as_of": self.as_of, "job_hash": self.job_hash, "columns": self.columns, "backfill": self.backfill, "work": self.work}).to_string();
        let mut rows = vec![Row { name: self.run_id.clone(), number: Some(self.epoch), detail: Some(detail), ..blank }];
        let count = |count: u64| i64::try_from(count).ok();
        for (source, files) in &self.files {
            rows.extend(files.values().map(|file| Row {
                kind: "file",
                name: source.clone(),
                address: Some(file.address.clone()),
                number: count(file.size),
                rows: count(file.rows),
                etag: file.etag.clone(),
                detail: serde_json::to_string(&FileDetail::of(file)).ok(),
            }));
        }
        let kept = |kind: &'static str, name: &String, detail: serde_json::Result<String>| Row {
            kind,
            name: name.clone(),
            address: None,
            number: None,
            rows: None,
            etag: None,
            detail: detail.ok(),
        };
        rows.extend(self.cells.iter().map(|(name, cells)| kept("cells", name, serde_json::to_string(cells))));
        rows.extend(self.rows.iter().map(|(name, rows)| kept("rows", name, serde_json::to_string(rows))));
        rows.extend(self.tests.iter().map(|(name, test)| kept("test", name, serde_json::to_string(test))));
        rows.extend(self.tables.iter().map(|table| Row {
            kind: "table",
            name: table.name.clone(),
            address: None,
            number: Some(table.version),
            rows: count(table.rows),
            etag: None,
            detail: None,
        }));
        rows
    }
}

impl FileDetail {
    fn of(file: &LakeFile) -> Self {
        let kind = |kind| match kind {
            TimeKind::Day => "day",
            TimeKind::Instant => "instant",
            TimeKind::Local => "local",
        };
        Self {
            schema: file.schema.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect(),
            times: file.times.iter().map(|(name, moments)| (name.clone(), (kind(moments.kind).to_owned(), moments.range))).collect(),
        }
    }

    /// Without a schema where a type has no such text: the footer is read again.
    fn file(self, address: String, size: u64) -> LakeFile {
        let fields = self.schema.into_iter().map(|(name, kind)| Some(Field::new(name, kind.parse::<DataType>().ok()?, true))).collect::<Option<Vec<_>>>();
        let kind = |text: &str| match text {
            "day" => Some(TimeKind::Day),
            "instant" => Some(TimeKind::Instant),
            "local" => Some(TimeKind::Local),
            _ => None,
        };
        let times = self.times.into_iter().filter_map(|(name, (text, range))| Some((name, Moments { kind: kind(&text)?, range }))).collect();
        LakeFile { address, size, etag: None, rows: 0, schema: Arc::new(Schema::new(fields.unwrap_or_default())), times }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
    use quotient_ingest::{LakeFile, Moments, TimeKind};
    use quotient_report::{RunWork, Step, Timing, Written};

    use super::{Backfill, Kept, KeptPart, KeptRows, Ledger};
    use crate::days::Days;
    use crate::kept_tests::KeptTest;
    use crate::stored_cells::Question;

    fn ledger() -> Ledger {
        let fields = vec![Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), true), Field::new("amount", DataType::Decimal128(18, 2), true)];
        let times = BTreeMap::from([("at".to_owned(), Moments { kind: TimeKind::Instant, range: Some((1, 2)) })]);
        let file = LakeFile { address: "lake/a.parquet".to_owned(), size: 7, etag: Some("e".to_owned()), rows: 3, schema: Arc::new(Schema::new(fields)), times };
        let question =
            Question { model: "deals".to_owned(), groupings: vec![("day".to_owned(), vec!["rep".to_owned()], "h".to_owned())], measures: vec![("won".to_owned(), "d".to_owned())] };
        Ledger {
            epoch: 4,
            claimed: true,
            run_id: "r1".to_owned(),
            as_of: Some(1_700_000_000_000_000),
            job_hash: "j".to_owned(),
            columns: Some(BTreeMap::from([("deals".to_owned(), BTreeSet::from(["amount".to_owned()]))])),
            files: BTreeMap::from([("crm.deals".to_owned(), BTreeMap::from([(file.address.clone(), file)]))]),
            cells: BTreeMap::from([(
                "t.deals".to_owned(),
                Kept { question, parts: BTreeMap::from([(2024, "_kept/x".to_owned())]), covered: vec![Days { from: 1, to: 5 }], first_day: Some(1) },
            )]),
            rows: BTreeMap::from([(
                "deals".to_owned(),
                KeptRows {
                    hash: "h".to_owned(),
                    columns: BTreeSet::from(["amount".to_owned()]),
                    parts: BTreeMap::from([("2024-01".to_owned(), KeptPart { path: "_kept/y".to_owned(), rows: 8 })]),
                },
            )]),
            tests: BTreeMap::from([("h".to_owned(), KeptTest { count: 9, examples: vec!["a".to_owned()] })]),
            tables: vec![Written { name: "sales".to_owned(), version: 2, changed: false, rows: 5 }],
            work: RunWork {
                reasons: "new file".to_owned(),
                files: 1,
                bytes: 2,
                restated: 3,
                findings: 4,
                timings: vec![Timing { step: Step::Write, table: Some("sales".to_owned()), milliseconds: 6 }],
            },
            backfill: Some(Backfill { asked: "a".to_owned(), as_of: 5, done: vec![Days::ALL] }),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let batch = ledger().batch("nightly").unwrap();
        assert_eq!(Ledger::read(&batch, "nightly"), ledger());
        assert_eq!(Ledger::read(&batch, "weekly"), Ledger::default());
    }
}
