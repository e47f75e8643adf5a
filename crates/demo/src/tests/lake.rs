//! A lake in the temporary folder of the system, gone when it is dropped, and ways to look into it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Date32Type, Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use chrono::NaiveDate;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::{DemoRequest, DemoTable, generate};

pub(super) struct Lake {
    pub(super) directory: PathBuf,
    pub(super) tables: Vec<DemoTable>,
}

/// Two years; the folder is filled in by [`Lake::make`].
pub(super) fn request(scale: f64, seed: u64) -> DemoRequest {
    let date = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap();
    DemoRequest { directory: PathBuf::new(), scale, seed, from: date(2024), to: date(2026) }
}

impl Lake {
    pub(super) fn make(tag: &str, request: &DemoRequest) -> Self {
        let name = format!("quotient-demo-{}-{tag}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let tables = generate(&DemoRequest { directory: directory.clone(), ..request.clone() }).unwrap();
        Self { directory, tables }
    }

    /// All rows of a table.
    pub(super) fn read(&self, table: &str) -> RecordBatch {
        let mut batches = Vec::new();
        for path in paths(&self.directory.join(table)) {
            let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
            let schema = builder.schema().clone();
            batches.push(RecordBatch::new_empty(schema));
            batches.extend(builder.build().unwrap().map(Result::unwrap));
        }
        concat_batches(&batches[0].schema(), &batches).unwrap()
    }

    /// A column of text.
    pub(super) fn texts(&self, table: &str, column: &str) -> Vec<Option<String>> {
        texts(&self.read(table), column)
    }

    /// The texts of some columns, row by row.
    pub(super) fn rows(&self, table: &str, columns: &[&str]) -> Vec<Vec<Option<String>>> {
        let batch = self.read(table);
        let by_column: Vec<Vec<Option<String>>> = columns.iter().map(|column| shown(&batch, column)).collect();
        (0..batch.num_rows()).map(|row| by_column.iter().map(|column| column[row].clone()).collect()).collect()
    }
}

impl Drop for Lake {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.directory).ok();
    }
}

/// A column of text.
pub(super) fn texts(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let array = batch.column_by_name(column).unwrap().as_string::<i32>();
    array.iter().map(|text| text.map(str::to_owned)).collect()
}

/// A column of whole numbers: instants, days, hundredths of money, counts.
pub(super) fn numbers(batch: &RecordBatch, column: &str) -> Vec<Option<i64>> {
    let array = batch.column_by_name(column).unwrap();
    match array.data_type() {
        DataType::Timestamp(..) => array.as_primitive::<TimestampMicrosecondType>().iter().collect(),
        DataType::Date32 => array.as_primitive::<Date32Type>().iter().map(|day| day.map(i64::from)).collect(),
        DataType::Int32 => array.as_primitive::<Int32Type>().iter().map(|int| int.map(i64::from)).collect(),
        DataType::Decimal128(..) => {
            let decimals = array.as_primitive::<Decimal128Type>().iter();
            decimals.map(|decimal| decimal.map(|units| i64::try_from(units).unwrap())).collect()
        }
        _ => array.as_primitive::<Int64Type>().iter().collect(),
    }
}

/// A column of yes and no.
pub(super) fn flags(batch: &RecordBatch, column: &str) -> Vec<Option<bool>> {
    batch.column_by_name(column).unwrap().as_boolean().iter().collect()
}

/// A column of text or numbers as text.
fn shown(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    if batch.column_by_name(column).unwrap().data_type() == &DataType::Utf8 {
        return texts(batch, column);
    }
    numbers(batch, column).into_iter().map(|number| number.map(|number| number.to_string())).collect()
}

/// Every file below a folder: its path in the folder, and its bytes.
pub(super) fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let inside = |path: &Path| path.strip_prefix(directory).unwrap().to_owned();
    paths(directory).into_iter().map(|path| (inside(&path), fs::read(&path).unwrap())).collect()
}

/// Every file below a folder, sorted.
fn paths(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(paths(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
