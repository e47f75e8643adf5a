//! Data files: rows to Parquet bytes and back, and the statistics that the Delta log keeps of a file.
//!
//! The same rows give the same bytes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, RecordBatch};
use arrow::compute::{concat_batches, filter, max, max_string, min, min_string};
use arrow::datatypes::{DataType, Date32Type, Field, Int32Type, Int64Type, Schema, SchemaRef};
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

/// Rows as the bytes of a Parquet file that others read.
pub(crate) fn encode(batch: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let mut properties = compressed();
    // The log has the bounds of the file: those of texts within it would be a comparison for every row.
    for field in batch.schema_ref().fields().iter().filter(|field| matches!(field.data_type(), DataType::Dictionary(_, _))) {
        properties = properties.set_column_statistics_enabled(ColumnPath::new(vec![field.name().clone()]), EnabledStatistics::None);
    }
    encode_with(batch, properties.build())
}

/// The same of rows that only a later run reads: nobody asks for their bounds.
pub(crate) fn encode_kept(batch: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    encode_with(batch, compressed().set_statistics_enabled(EnabledStatistics::None).build())
}

fn compressed() -> WriterPropertiesBuilder {
    WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()))
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
    use super::{coded, decode, encode, statistics};
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
    fn statistics_bound_texts_numbers_and_days() {
        assert_eq!(
            statistics(&rows()),
            r#"{"numRecords":2,"minValues":{"team":"A","day":"1970-01-01","units":-2},"maxValues":{"team":"영업","day":"1970-02-01","units":-2},"nullCount":{"team":0,"day":0,"units":1,"revenue":1}}"#
        );
    }
}
