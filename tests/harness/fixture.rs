//! Tiny lakes: rows as Parquet files with the types that `jobs/models/sources.yml` declares.
//!
//! In: rows by table. Out: a temporary folder with one folder per table of schema `crm`; a table that is not given is empty.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{Date32Type, Field, Schema};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use parquet::arrow::ArrowWriter;
use quotient_jobs::Workspace;
use quotient_model::{ColumnType, Node, Project, SourceTable, Value};
use tempfile::TempDir;

use crate::cell::unscaled;
use crate::place::packaged;

/// The columns of a row that have a value.
pub type Row = BTreeMap<String, Value>;

/// A folder that is removed at the end, with a lake in it.
#[derive(Debug)]
pub struct Fixture {
    folder: TempDir,
}

impl Fixture {
    /// A lake in which every table is there and empty.
    #[must_use]
    pub fn empty() -> Self {
        Self::given(&Node { line: 0, value: Value::Null })
    }

    /// A lake of the rows that a case file gives: a mapping of tables to lists of rows.
    #[must_use]
    pub fn given(tables: &Node) -> Self {
        let fixture = Self { folder: TempDir::new().unwrap() };
        for entry in tables.entries() {
            assert!(sources().sources.contains_key(&format!("crm.{}", entry.key)), "line {}: schema crm has no table `{}`", entry.line, entry.key);
        }
        for source in sources().sources.values() {
            let rows: Vec<Row> = tables.get(&source.name).map(Node::items).unwrap_or_default().iter().map(row_of).collect();
            fixture.write(&source.name, &[&rows]);
        }
        fixture
    }

    /// The folder around the lake, without symbolic links.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// The lake: what `QUOTIENT_LAKE` is set to.
    #[must_use]
    pub fn lake(&self) -> PathBuf {
        self.root().join("lake")
    }

    /// The first file of a table.
    #[must_use]
    pub fn file(&self, table: &str) -> PathBuf {
        self.lake().join(table).join("part-0.parquet")
    }

    /// Writes a table anew, each list of rows to a file of its own.
    pub fn write(&self, table: &str, files: &[&[Row]]) {
        let source = &sources().sources[&format!("crm.{table}")];
        self.write_files(table, files.iter().map(|rows| batch(source, rows)));
    }

    /// Writes one file of a table, beside those that are there.
    pub fn put(&self, table: &str, file: &str, rows: &[Row]) {
        write_parquet(&self.lake().join(table).join(file), &batch(&sources().sources[&format!("crm.{table}")], rows));
    }

    /// Writes a table anew with columns of one's own, one file per batch.
    pub fn write_files(&self, table: &str, files: impl IntoIterator<Item = RecordBatch>) {
        let folder = self.lake().join(table);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).unwrap();
        }
        std::fs::create_dir_all(&folder).unwrap();
        for (part, batch) in files.into_iter().enumerate() {
            write_parquet(&folder.join(format!("part-{part}.parquet")), &batch);
        }
    }

    /// The rows of a table's only file.
    #[must_use]
    pub fn read(&self, table: &str) -> RecordBatch {
        let file = File::open(self.file(table)).unwrap();
        let builder = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
        let schema = Arc::clone(builder.schema());
        let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
        arrow::compute::concat_batches(&schema, &batches).unwrap()
    }
}

/// A row of texts, for rows that Rust makes; numbers are texts too, and a null is left out.
#[must_use]
pub fn row(columns: &[(&str, Option<String>)]) -> Row {
    let text = |(name, value): &(&str, Option<String>)| Some(((*name).to_owned(), Value::Text(value.clone()?)));
    columns.iter().filter_map(text).collect()
}

/// The packaged project, for the types of its sources.
fn sources() -> &'static Project {
    static PROJECT: OnceLock<Project> = OnceLock::new();
    PROJECT.get_or_init(|| Workspace::open(&packaged(Path::new("."), "2025-01-01T00:00:00Z")).unwrap().project)
}

fn row_of(node: &Node) -> Row {
    assert!(!node.entries().is_empty(), "line {}: expected a row, found {}", node.line, node.kind());
    node.entries().iter().map(|entry| (entry.key.clone(), entry.node.value.clone())).collect()
}

fn write_parquet(path: &Path, batch: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

fn batch(source: &SourceTable, rows: &[Row]) -> RecordBatch {
    for name in rows.iter().flat_map(BTreeMap::keys) {
        assert!(source.columns.iter().any(|column| column.name == *name), "table `{}` has no column `{name}`", source.name);
    }
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    for column in &source.columns {
        let values: Vec<Option<&Value>> = rows.iter().map(|row| row.get(&column.name).filter(|value| **value != Value::Null)).collect();
        let array = array(&values, column.data_type, &format!("{}.{}", source.name, column.name));
        fields.push(Field::new(&column.name, array.data_type().clone(), true));
        columns.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}

fn array(values: &[Option<&Value>], data_type: ColumnType, column: &str) -> ArrayRef {
    let texts = values.iter().map(|value| value.map(|value| text(value, column)));
    match data_type {
        ColumnType::Text => Arc::new(texts.collect::<StringArray>()),
        ColumnType::Integer => Arc::new(texts.map(|text| text.map(|t| read(&t, column, |t| t.parse::<i64>().ok()))).collect::<Int64Array>()),
        ColumnType::Double => Arc::new(texts.map(|text| text.map(|t| read(&t, column, |t| t.parse::<f64>().ok()))).collect::<Float64Array>()),
        ColumnType::Boolean => Arc::new(texts.map(|text| text.map(|t| read(&t, column, |t| t.parse::<bool>().ok()))).collect::<BooleanArray>()),
        ColumnType::Date => Arc::new(texts.map(|text| text.map(|t| read(&t, column, day))).collect::<Date32Array>()),
        ColumnType::Instant => Arc::new(texts.map(|text| text.map(|t| read(&t, column, instant))).collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        ColumnType::Timestamp => Arc::new(texts.map(|text| text.map(|t| read(&t, column, wall_time))).collect::<TimestampMicrosecondArray>()),
        ColumnType::Decimal { precision, scale } => {
            let digits = usize::try_from(scale).unwrap();
            let numbers = texts.map(|text| text.map(|t| read(&t, column, |t| unscaled(t, digits))));
            Arc::new(numbers.collect::<Decimal128Array>().with_precision_and_scale(precision, scale).unwrap())
        }
    }
}

fn text(value: &Value, column: &str) -> String {
    let node = Node { line: 0, value: value.clone() };
    node.text().unwrap_or_else(|| panic!("column `{column}`: expected a scalar, found {}", node.kind()))
}

fn read<T>(text: &str, column: &str, parse: impl Fn(&str) -> Option<T>) -> T {
    parse(text).unwrap_or_else(|| panic!("column `{column}`: `{text}` is not of its type"))
}

fn day(text: &str) -> Option<i32> {
    text.parse::<NaiveDate>().ok().map(Date32Type::from_naive_date)
}

fn instant(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.timestamp_micros())
}

fn wall_time(text: &str) -> Option<i64> {
    text.parse::<NaiveDateTime>().ok().map(|time| time.and_utc().timestamp_micros())
}
