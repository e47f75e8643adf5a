//! Each SQL construct that we lower, beside DuckDB: the cases and answers in `tests/conformance/sql`, whose README has the format.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Schema, TimeUnit};
use chrono::{DateTime, SecondsFormat};
use harness::{assert_none, check_all, root};
use indexmap::IndexMap;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use polars::prelude::{AnyValue, DataFrame};
use quotient_ingest::Lake;
use quotient_metrics::sql::{Relation, SqlModel, lower_model};
use quotient_model::{ColumnType, Place, SourceColumn, SourceTable};

/// What floats may differ by, relative.
const TOLERANCE: f64 = 1e-9;

/// A field of an answer.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    /// An empty field.
    Null,
    /// A text, which is always in quotes.
    Text(String),
    /// Anything else, as written.
    Bare(String),
    /// A float of ours.
    Float(f64),
}

#[test]
fn every_construct_gives_what_duckdb_gives() {
    let folder = root().join("tests/conformance/sql");
    let relations = relations(&folder.join("input"));
    let mut cases: Vec<(String, PathBuf)> = std::fs::read_dir(folder.join("cases")).unwrap().map(|entry| entry.unwrap().path()).map(|path| (stem(&path), path)).collect();
    cases.sort();
    assert!(!cases.is_empty(), "there are no cases");
    assert_none(&check_all(&cases, |case| faults(case, &folder, &relations)));
}

/// What is wrong with our answer to one case.
fn faults(case: &Path, folder: &Path, relations: &IndexMap<String, Relation>) -> Vec<String> {
    let (name, sql) = (stem(case), std::fs::read_to_string(case).unwrap());
    let answer = std::fs::read_to_string(folder.join("answers").join(format!("{name}.csv"))).unwrap();
    let model = SqlModel { name: &name, file: &format!("cases/{name}.sql"), sql: &sql };
    let relation = match lower_model(&model, relations) {
        Ok(relation) => relation,
        Err(error) => return vec![error.to_string()],
    };
    let frame = match relation.frame.collect() {
        Ok(frame) => frame,
        Err(error) => return vec![format!("cannot collect: {error}")],
    };
    let mut wanted = fields(&answer);
    let header = wanted.remove(0);
    let mut faults: Vec<String> = type_faults(&relation.schema, &frame);
    let found_header: Vec<Field> = frame.columns().iter().map(|column| Field::Bare(column.name().to_string())).collect();
    if header != found_header {
        faults.push(format!("expected columns {}, found {}", line(&header), line(&found_header)));
        return faults;
    }
    let found = rows(&frame);
    faults.extend(if sql.starts_with("-- ordered") { in_order(&wanted, &found) } else { in_any_order(&wanted, found) });
    faults
}

/// Every input under its plain name and in the schema `crm`.
fn relations(folder: &Path) -> IndexMap<String, Relation> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let tables: Vec<SourceTable> = files.iter().map(|file| table(file)).collect();
    let lake = Lake::new(folder, std::collections::BTreeMap::new()).unwrap();
    let frames = lake.open(&tables.iter().collect::<Vec<_>>()).unwrap();
    let mut relations = IndexMap::new();
    for (table, source) in tables.into_iter().zip(frames) {
        let relation = Relation { schema: source.schema, frame: source.frame };
        relations.insert(format!("crm.{}", table.name), relation.clone());
        relations.insert(table.name, relation);
    }
    relations
}

/// A file as a source whose declared columns are the ones that it has.
fn table(file: &Path) -> SourceTable {
    let schema = ParquetRecordBatchReaderBuilder::try_new(File::open(file).unwrap()).unwrap().schema().clone();
    let column = |field: &arrow::datatypes::FieldRef| SourceColumn { name: field.name().clone(), data_type: declared(field.data_type()), required: true, absent_means: None };
    SourceTable {
        schema: "crm".to_owned(),
        name: stem(file),
        description: String::new(),
        location: file.to_str().unwrap().to_owned(),
        optional: false,
        absent_means: None,
        columns: schema.fields().iter().map(column).collect(),
        tests: Vec::new(),
        freshness: None,
        place: Place::default(),
    }
}

fn declared(data_type: &DataType) -> ColumnType {
    match data_type {
        DataType::Utf8 => ColumnType::Text,
        DataType::Int32 | DataType::Int64 => ColumnType::Integer,
        DataType::Float64 => ColumnType::Double,
        DataType::Boolean => ColumnType::Boolean,
        DataType::Date32 => ColumnType::Date,
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => ColumnType::Instant,
        DataType::Timestamp(TimeUnit::Microsecond, None) => ColumnType::Timestamp,
        DataType::Decimal128(precision, scale) => ColumnType::Decimal { precision: *precision, scale: *scale },
        other => panic!("an input has a column of type {other}"),
    }
}

/// Where the frame has other columns than the schema promises.
fn type_faults(schema: &Schema, frame: &DataFrame) -> Vec<String> {
    let promised: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    let there: Vec<&str> = frame.columns().iter().map(|column| column.name().as_str()).collect();
    if promised == there { Vec::new() } else { vec![format!("the schema promises columns {promised:?}, the frame has {there:?}")] }
}

fn rows(frame: &DataFrame) -> Vec<Vec<Field>> {
    (0..frame.height()).map(|row| frame.columns().iter().map(|column| field(&column.get(row).unwrap())).collect()).collect()
}

/// A value as an answer writes it.
fn field(value: &AnyValue<'_>) -> Field {
    match value {
        AnyValue::Null => Field::Null,
        AnyValue::String(text) => Field::Text((*text).to_owned()),
        AnyValue::StringOwned(text) => Field::Text(text.to_string()),
        AnyValue::Boolean(flag) => Field::Bare(flag.to_string()),
        AnyValue::Float64(number) => Field::Float(*number),
        AnyValue::Int32(number) => Field::Bare(number.to_string()),
        AnyValue::Int64(number) => Field::Bare(number.to_string()),
        AnyValue::UInt32(number) => Field::Bare(number.to_string()),
        AnyValue::Date(days) => Field::Bare((DateTime::UNIX_EPOCH.date_naive() + chrono::TimeDelta::days(i64::from(*days))).to_string()),
        AnyValue::Datetime(micros, _, zone) => moment(*micros, zone.is_some()),
        AnyValue::DatetimeOwned(micros, _, zone) => moment(*micros, zone.is_some()),
        AnyValue::Decimal(digits, _, scale) => Field::Bare(decimal(*digits, *scale)),
        other => panic!("an answer has the value {other:?}"),
    }
}

fn moment(micros: i64, is_instant: bool) -> Field {
    let time = DateTime::from_timestamp_micros(micros).unwrap();
    let format = if micros.rem_euclid(1_000_000) == 0 { SecondsFormat::Secs } else { SecondsFormat::Micros };
    let text = time.to_rfc3339_opts(format, true);
    Field::Bare(if is_instant { text } else { text.trim_end_matches('Z').to_owned() })
}

/// A decimal with all digits of its scale.
fn decimal(digits: i128, scale: usize) -> String {
    let sign = if digits < 0 { "-" } else { "" };
    let padded = format!("{:0>width$}", digits.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn in_order(wanted: &[Vec<Field>], found: &[Vec<Field>]) -> Vec<String> {
    let count = (wanted.len() != found.len()).then(|| format!("expected {} rows, found {}", wanted.len(), found.len()));
    let rows = wanted.iter().zip(found).filter(|(wanted, found)| !agree(wanted, found));
    count.into_iter().chain(rows.map(|(wanted, found)| format!("expected {}, found {}", line(wanted), line(found)))).collect()
}

fn in_any_order(wanted: &[Vec<Field>], mut found: Vec<Vec<Field>>) -> Vec<String> {
    let mut faults = Vec::new();
    for row in wanted {
        match found.iter().position(|other| agree(row, other)) {
            Some(at) => drop(found.swap_remove(at)),
            None => faults.push(format!("expected a row {}, found none", line(row))),
        }
    }
    faults.extend(found.iter().map(|row| format!("expected no row {}, found one", line(row))));
    faults
}

fn agree(wanted: &[Field], found: &[Field]) -> bool {
    wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| same(wanted, found))
}

fn same(wanted: &Field, found: &Field) -> bool {
    match (wanted, found) {
        // An integer where we have a float is another type: a float always has a point or an exponent.
        (Field::Bare(text), Field::Float(b)) if text.contains(['.', 'e']) => text.parse::<f64>().is_ok_and(|a| (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())),
        _ => wanted == found,
    }
}

fn line(row: &[Field]) -> String {
    let texts: Vec<String> = row
        .iter()
        .map(|field| match field {
            Field::Null => String::new(),
            Field::Text(text) => format!("\"{text}\""),
            Field::Bare(text) => text.clone(),
            Field::Float(number) => format!("{number:?}"),
        })
        .collect();
    texts.join(",")
}

/// The fields of a CSV, quoted ones apart from bare ones: the quotes tell an empty text from a null.
fn fields(text: &str) -> Vec<Vec<Field>> {
    let mut rows = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut row = Vec::new();
        loop {
            let (field, after) = if let Some(quoted) = rest.strip_prefix('"') { quoted_field(quoted) } else { bare_field(rest) };
            row.push(field);
            let Some(next) = after.strip_prefix(',') else {
                rest = after.strip_prefix('\n').unwrap_or(after);
                break;
            };
            rest = next;
        }
        rows.push(row);
    }
    rows
}

/// A field without quotes, and what follows it.
fn bare_field(text: &str) -> (Field, &str) {
    let (bare, rest) = text.split_at(text.find([',', '\n']).unwrap_or(text.len()));
    (if bare.is_empty() { Field::Null } else { Field::Bare(bare.to_owned()) }, rest)
}

/// A quoted field, from behind its first quote, and what follows it.
fn quoted_field(text: &str) -> (Field, &str) {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"').unwrap_or_else(|| panic!("a quote without an end: {text}"));
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(next) => {
                value.push('"');
                rest = next;
            }
            None => return (Field::Text(value), rest),
        }
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_str().unwrap().to_owned()
}
