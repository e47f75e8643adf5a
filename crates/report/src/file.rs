//! Data files: rows to Parquet bytes and back, and the statistics that the Delta log keeps of a file.
//!
//! The same rows give the same bytes.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, filter, max, max_string, min, min_string, take};
use arrow::datatypes::{DataType, Date32Type, Field, Int32Type, Int64Type, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::reader::ChunkReader;
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};

use crate::stable::{coded, is_text};

/// Texts longer than this have no bounds in the statistics.
const LONGEST_BOUND: usize = 64;

/// The rows of a sample, at least; of many rows it is one in so many.
const LEAST_SAMPLE: usize = 1_024;
const ROWS_BY_SAMPLED: usize = 64;

/// Columns of fewer rows have dictionaries without a look at their values.
const FEW_ROWS: usize = 8 * LEAST_SAMPLE;

/// Rows as the bytes of a Parquet file that others read.
pub(crate) fn encode(batch: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let mut properties = compressed(batch)?;
    // The log has the bounds of the file: those of texts within it would be a comparison for every row.
    for field in batch.schema_ref().fields().iter().filter(|field| matches!(field.data_type(), DataType::Dictionary(_, _))) {
        properties = properties.set_column_statistics_enabled(ColumnPath::new(vec![field.name().clone()]), EnabledStatistics::None);
    }
    encode_with(batch, properties.build())
}

/// The same of rows that only a later run reads: nobody asks for their bounds.
pub(crate) fn encode_kept(batch: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    encode_with(batch, compressed(batch)?.set_statistics_enabled(EnabledStatistics::None).build())
}

/// A dictionary of values that hardly repeat is as long as the values themselves, and to look each of them up takes longer than all else.
fn compressed(batch: &RecordBatch) -> Result<WriterPropertiesBuilder, ParquetError> {
    let mut properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        if hardly_repeats(column)? {
            properties = properties.set_column_dictionary_enabled(ColumnPath::new(vec![field.name().clone()]), false);
        }
    }
    Ok(properties)
}

/// Whether a value occurs less than about four times, by how often two rows of a sample have the same.
fn hardly_repeats(column: &ArrayRef) -> Result<bool, ParquetError> {
    // What is codes already was coded because it repeats.
    if matches!(column.data_type(), DataType::Dictionary(_, _)) || column.len() < FEW_ROWS {
        return Ok(false);
    }
    // The same rows each time, and at no regular distance: values may come round at one.
    let mut state = 0_u64;
    let draw = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % column.len() as u64
    };
    let rows: BTreeSet<u64> = (0..LEAST_SAMPLE.max(column.len() / ROWS_BY_SAMPLED)).map(draw).collect();
    let sample = take(column, &UInt64Array::from_iter_values(rows), None)?;
    let (sampled, nulls) = (sample.len(), sample.logical_nulls());
    let values = RowConverter::new(vec![SortField::new(sample.data_type().clone())])?.convert_columns(&[sample])?;
    let mut distinct = HashSet::new();
    let there = values.iter().enumerate().filter(|(row, _)| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(*row)));
    let there = there.map(|(_, value)| distinct.insert(value)).count();
    // Of n rows, drawn from N in which each value is k times, about n² (k - 1) / 2N have a value that one before them has.
    Ok((there - distinct.len()) * 2 * column.len() < 3 * there * sampled)
}

fn encode_with(batch: &RecordBatch, properties: WriterProperties) -> Result<Vec<u8>, ParquetError> {
    // Without Arrow's own schema, under which readers would find codes for text.
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options)?;
    writer.write(batch)?;
    writer.into_inner()
}

/// The rows of a Parquet file, with the file's own columns; text of those for which it is said comes as codes.
pub(crate) fn decode(bytes: impl ChunkReader + 'static, in_codes: &dyn Fn(&str) -> bool) -> Result<RecordBatch, ParquetError> {
    let options = ArrowReaderOptions::new();
    let mut file = ArrowReaderMetadata::load(&bytes, options.clone())?;
    let is_coded = |field: &Field| is_text(field.data_type()) && in_codes(field.name());
    if file.schema().fields().iter().any(|field| is_coded(field)) {
        let fields: Vec<Field> =
            file.schema().fields().iter().map(|field| if is_coded(field) { field.as_ref().clone().with_data_type(coded()) } else { field.as_ref().clone() }).collect();
        file = ArrowReaderMetadata::try_new(Arc::clone(file.metadata()), options.with_schema(Arc::new(Schema::new(fields))))?;
    }
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, file);
    let schema: SchemaRef = builder.schema().clone();
    let batches = builder.build()?.collect::<Result<Vec<_>, _>>()?;
    Ok(concat_batches(&schema, &batches)?)
}

/// The statistics of a file, as the JSON text that the Delta log holds: row count, null counts, and bounds where they are exact.
pub(crate) fn statistics(batch: &RecordBatch) -> String {
    let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        nulls.insert(field.name().clone(), json!(column.null_count()));
        if let Some((least, most)) = bounds(column) {
            low.insert(field.name().clone(), least);
            high.insert(field.name().clone(), most);
        }
    }
    json!({"numRecords": batch.num_rows(), "minValues": low, "maxValues": high, "nullCount": nulls}).to_string()
}

/// The least and the greatest value; `None` for a column of nulls and for types whose bounds JSON would round.
fn bounds(column: &ArrayRef) -> Option<(Value, Value)> {
    match column.data_type() {
        DataType::Dictionary(_, _) => bounds(&used(column.as_dictionary_opt::<Int32Type>()?)?),
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            let (least, most) = (min_string(texts)?, max_string(texts)?);
            (least.len() <= LONGEST_BOUND && most.len() <= LONGEST_BOUND).then(|| (json!(least), json!(most)))
        }
        DataType::Int32 => {
            let numbers = column.as_primitive::<Int32Type>();
            Some((json!(min(numbers)?), json!(max(numbers)?)))
        }
        DataType::Int64 => {
            let numbers = column.as_primitive::<Int64Type>();
            Some((json!(min(numbers)?), json!(max(numbers)?)))
        }
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>();
            let text = |day: i32| Date32Type::to_naive_date_opt(day).map(|d| json!(d.to_string()));
            Some((text(min(days)?)?, text(max(days)?)?))
        }
        _ => None,
    }
}

/// The texts that occur in a column of codes.
fn used(coded: &DictionaryArray<Int32Type>) -> Option<ArrayRef> {
    let mask = coded.occupancy();
    filter(coded.values(), &BooleanArray::new(mask, None)).ok()
}

#[cfg(test)]
mod tests {
    use super::{ArrowReaderMetadata, ArrowReaderOptions, coded, decode, encode, encode_kept, hardly_repeats, statistics};
    use arrow::array::{Array, ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray};
    use arrow::compute::cast;
    use arrow::datatypes::DataType;
    use object_store::PutPayload;
    use std::sync::Arc;

    fn rows() -> RecordBatch {
        let money = Decimal128Array::from(vec![Some(1050), None]).with_precision_and_scale(18, 2).unwrap();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("team", Arc::new(StringArray::from(vec![Some("영업"), Some("A")]))),
            ("day", Arc::new(Date32Array::from(vec![0, 31]))),
            ("units", Arc::new(Int64Array::from(vec![Some(-2), None]))),
            ("revenue", Arc::new(money)),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
    }

    #[test]
    fn the_same_rows_give_the_same_bytes_and_come_back() {
        let bytes = encode(&rows()).unwrap();
        assert_eq!(bytes, encode(&rows()).unwrap());
        let payload = PutPayload::from(bytes);
        let back = decode(payload.clone().into_iter().next().unwrap(), &|_| false).unwrap();
        assert_eq!(back, rows());
        let in_codes = decode(payload.into_iter().next().unwrap(), &|name| name == "team").unwrap();
        assert_eq!(in_codes.column(0).data_type(), &coded());
        assert_eq!(cast(in_codes.column(0), &DataType::Utf8).unwrap().as_ref(), rows().column(0).as_ref());
        assert_eq!(in_codes.columns()[1..], rows().columns()[1..]);
    }

    #[test]
    fn only_values_that_repeat_have_a_dictionary() {
        let texts = |text: &dyn Fn(usize) -> Option<String>| -> ArrayRef { Arc::new((0..20_000).map(text).collect::<StringArray>()) };
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values((0..20_000).map(|n| n * 7_919 % 20_011)));
        let columns = [
            ("ids", texts(&|row| Some(format!("O{row}"))), false),
            ("numbers", numbers, false),
            // As often as the lines of an order: side by side, or far from each other.
            ("orders", texts(&|row| Some(format!("O{}", row / 2))), false),
            ("customers", texts(&|row| Some(format!("C{}", row * 7_919 % 2_000))), true),
            ("teams", texts(&|row| Some(format!("T{}", row % 8))), true),
            ("few", texts(&|row| (row % 100 == 0).then(|| format!("O{row}"))), false),
            ("none", texts(&|_| None), true),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, column, _)| (*name, Arc::clone(column), true))).unwrap();
        for bytes in [encode(&batch).unwrap(), encode_kept(&batch).unwrap()] {
            let file = PutPayload::from(bytes).into_iter().next().unwrap();
            let footer = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).unwrap();
            let has_one = footer.metadata().row_group(0).columns().iter().map(|column| column.dictionary_page_offset().is_some());
            assert_eq!(has_one.collect::<Vec<_>>(), columns.iter().map(|(.., repeats)| *repeats).collect::<Vec<_>>());
            assert_eq!(decode(file, &|_| false).unwrap(), batch);
        }
        let few = batch.slice(0, 8_000);
        assert!(!few.columns().iter().any(|column| hardly_repeats(column).unwrap()));
    }

    #[test]
    fn statistics_bound_texts_numbers_and_days() {
        assert_eq!(
            statistics(&rows()),
            r#"{"numRecords":2,"minValues":{"team":"A","day":"1970-01-01","units":-2},"maxValues":{"team":"영업","day":"1970-02-01","units":-2},"nullCount":{"team":0,"day":0,"units":1,"revenue":1}}"#
        );
    }
}
