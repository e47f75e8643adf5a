//! Files to one lazy frame with the declared columns and types.
//!
//! Files of one schema and one set of partition values become one scan; scans are cast and put one after another, in file order of the first.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType as ArrowType, Field, Schema, SchemaRef, TimeUnit as ArrowUnit};
use indexmap::IndexMap;
use polars::io::cloud::CloudOptions;
use polars::prelude::{
    CloudScheme, DataFrame, DataType, IntoLazy, LazyFrame, LiteralValue, PlRefPath, PolarsResult, ScanArgsParquet, ScanSources, TimeUnit, TimeZone, UnionArgs, col, concat, lit,
};
use quotient_model::{ColumnType, SourceTable};

use crate::error::IngestError;
use crate::lake::{LakeFile, partitions_of};
use crate::location::Location;
use crate::store::s3_options;

/// The declared columns as an Arrow schema.
pub(crate) fn declared_schema(table: &SourceTable) -> SchemaRef {
    let fields: Vec<Field> = table.columns.iter().map(|c| Field::new(&c.name, arrow_type(c.data_type), true)).collect();
    Arc::new(Schema::new(fields))
}

/// Declared columns that neither a file nor a path has.
pub(crate) fn absent_columns(table: &SourceTable, files: &[LakeFile]) -> Vec<String> {
    table
        .columns
        .iter()
        .map(|column| &column.name)
        .filter(|name| !files.iter().any(|f| f.schema.field_with_name(name).is_ok() || partitions_of(&f.address).iter().any(|(n, _)| n == *name)))
        .cloned()
        .collect()
}

/// Scans the files; without any, the frame is empty.
pub(crate) fn scan(table: &SourceTable, files: &[LakeFile], env: &BTreeMap<String, String>) -> PolarsResult<LazyFrame> {
    let mut groups: IndexMap<String, Vec<&LakeFile>> = IndexMap::new();
    for file in files {
        let types: Vec<String> = file.schema.fields().iter().map(|f| format!("{}:{}", f.name(), f.data_type())).collect();
        let mut used = partitions_of(&file.address);
        used.retain(|(name, _)| table.columns.iter().any(|c| c.name == *name));
        groups.entry(format!("{types:?}{used:?}")).or_default().push(file);
    }
    let frames: Vec<LazyFrame> = groups.values().map(|group| scan_group(table, group, env)).collect::<PolarsResult<_>>()?;
    match frames.len() {
        0 => empty(table),
        1 => Ok(frames.into_iter().next().unwrap_or_default()),
        _ => concat(&frames, UnionArgs { maintain_order: true, ..UnionArgs::default() }),
    }
}

fn scan_group(table: &SourceTable, group: &[&LakeFile], env: &BTreeMap<String, String>) -> PolarsResult<LazyFrame> {
    let Some(first) = group.first() else { return empty(table) };
    let partitions = partitions_of(&first.address);
    let frame = scan_files(group.iter().map(|file| file.address.as_str()), env)?;
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| {
            let target = polars_type(column.data_type);
            let in_file = first.schema.field_with_name(&column.name).ok();
            let value = match partitions.iter().find(|(name, _)| *name == column.name) {
                // Polars reads no less of a file for a condition on a column that is cast, even to the type that it has.
                _ if in_file.is_some_and(|field| is_as_declared(field.data_type(), column.data_type)) => return col(column.name.as_str()),
                _ if in_file.is_some() => col(column.name.as_str()),
                Some((_, value)) => lit(value.as_str()),
                None => lit(LiteralValue::untyped_null()),
            };
            value.cast(target).alias(column.name.as_str())
        })
        .collect();
    Ok(frame.select(columns))
}

/// Parquet files of one schema, as they are.
fn scan_files<'f>(addresses: impl Iterator<Item = &'f str> + Clone, env: &BTreeMap<String, String>) -> PolarsResult<LazyFrame> {
    let mut args = ScanArgsParquet { glob: false, ..ScanArgsParquet::default() };
    args.hive_options.enabled = Some(false);
    if addresses.clone().any(|address| address.starts_with("s3://")) {
        let options = s3_options(env).into_iter().map(|(key, value)| (key.as_ref().to_owned(), value));
        args.cloud_options = Some(CloudOptions::from_untyped_config(Some(CloudScheme::S3), options)?);
    }
    LazyFrame::scan_parquet_sources(ScanSources::Paths(addresses.map(PlRefPath::new).collect()), args)
}

/// Parquet files of one schema under a location that is not of the lake: rows that were kept there.
///
/// # Errors
/// A location that cannot be opened; what Polars refuses to scan.
pub fn scan_rows(location: &str, paths: &[String], env: &BTreeMap<String, String>) -> Result<LazyFrame, IngestError> {
    let below = Location::parse(location, Path::new(""))?;
    let prefix = below.prefix.trim_end_matches('/');
    let addresses: Vec<String> = paths.iter().map(|path| below.address(&if prefix.is_empty() { path.clone() } else { format!("{prefix}/{path}") })).collect();
    scan_files(addresses.iter().map(String::as_str), env).map_err(|source| IngestError::Scan { table: location.to_owned(), source })
}

fn empty(table: &SourceTable) -> PolarsResult<LazyFrame> {
    let columns = table.columns.iter().map(|c| polars::prelude::Column::new_empty(c.name.as_str().into(), &polars_type(c.data_type))).collect();
    Ok(DataFrame::new(0, columns)?.lazy())
}

/// Whether a column of a file comes in the type that is declared.
fn is_as_declared(found: &ArrowType, declared: ColumnType) -> bool {
    match found {
        ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => declared == ColumnType::Text,
        found => *found == arrow_type(declared),
    }
}

fn arrow_type(declared: ColumnType) -> ArrowType {
    match declared {
        ColumnType::Text => ArrowType::Utf8,
        ColumnType::Integer => ArrowType::Int64,
        ColumnType::Double => ArrowType::Float64,
        ColumnType::Boolean => ArrowType::Boolean,
        ColumnType::Date => ArrowType::Date32,
        ColumnType::Instant => ArrowType::Timestamp(ArrowUnit::Microsecond, Some("UTC".into())),
        ColumnType::Timestamp => ArrowType::Timestamp(ArrowUnit::Microsecond, None),
        ColumnType::Decimal { precision, scale } => ArrowType::Decimal128(precision, scale),
    }
}

fn polars_type(declared: ColumnType) -> DataType {
    match declared {
        ColumnType::Text => DataType::String,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Double => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date,
        ColumnType::Instant => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
        ColumnType::Timestamp => DataType::Datetime(TimeUnit::Microseconds, None),
        ColumnType::Decimal { precision, scale } => DataType::Decimal(precision.into(), usize::try_from(scale).unwrap_or(0)),
    }
}
