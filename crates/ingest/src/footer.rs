//! Reads what Parquet footers say: columns, rows, and the first and last moment of every time column.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, SchemaRef, TimeUnit, TimestampMicrosecondType};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::async_reader::MetadataFetch;
use parquet::arrow::parquet_to_arrow_schema;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};

use crate::lake::{Moments, TimeKind};

/// Bytes that are asked for at once: most footers fit.
const PREFETCH: usize = 64 * 1024;

/// What one file says of itself.
pub(crate) struct Footer {
    pub(crate) schema: SchemaRef,
    pub(crate) rows: u64,
    pub(crate) times: BTreeMap<String, Moments>,
}

struct Fetch {
    store: Arc<dyn ObjectStore>,
    path: Path,
}

impl MetadataFetch for Fetch {
    fn fetch(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        async move { self.store.get_range(&self.path, range).await.map_err(|e| ParquetError::External(Box::new(e))) }.boxed()
    }
}

/// Reads one footer.
pub(crate) async fn read(store: Arc<dyn ObjectStore>, meta: &ObjectMeta) -> Result<Footer, ParquetError> {
    let fetch = Fetch { store, path: meta.location.clone() };
    let metadata = ParquetMetaDataReader::new().with_prefetch_hint(Some(PREFETCH)).load_and_finish(fetch, meta.size).await?;
    let file = metadata.file_metadata();
    let schema: SchemaRef = Arc::new(parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?);
    let times = schema.fields().iter().filter_map(|field| Some((field.name().clone(), moments(field.name(), &schema, &metadata)?))).collect();
    Ok(Footer { rows: u64::try_from(file.num_rows()).unwrap_or(0), times, schema })
}

/// The moments of a column that is a time; `None` for other columns, and where a row group does not say.
fn moments(name: &str, schema: &SchemaRef, metadata: &ParquetMetaData) -> Option<Moments> {
    let kind = match schema.field_with_name(name).ok()?.data_type() {
        DataType::Date32 | DataType::Date64 => TimeKind::Day,
        DataType::Timestamp(_, Some(_)) => TimeKind::Instant,
        DataType::Timestamp(_, None) => TimeKind::Local,
        _ => return None,
    };
    let converter = StatisticsConverter::try_new(name, schema, metadata.file_metadata().schema_descr()).ok()?;
    let groups = metadata.row_groups();
    let (least, most) = (numbers(&converter.row_group_mins(groups).ok()?, kind)?, numbers(&converter.row_group_maxes(groups).ok()?, kind)?);
    let nulls = converter.row_group_null_counts(groups).ok()?;
    let mut range: Option<(i64, i64)> = None;
    for (at, group) in groups.iter().enumerate() {
        let empty = nulls.is_valid(at) && i64::try_from(nulls.value(at)).ok() == Some(group.num_rows());
        if empty || group.num_rows() == 0 {
            continue;
        }
        let (least, most) = (least.get(at).copied().flatten()?, most.get(at).copied().flatten()?);
        range = Some(range.map_or((least, most), |(a, b)| (a.min(least), b.max(most))));
    }
    Some(Moments { kind, range })
}

/// Days since 1970-01-01, or microseconds.
fn numbers(values: &ArrayRef, kind: TimeKind) -> Option<Vec<Option<i64>>> {
    if kind == TimeKind::Day {
        let days = cast(values, &DataType::Date32).ok()?;
        return Some(days.as_primitive::<Date32Type>().iter().map(|day| day.map(i64::from)).collect());
    }
    let zone = if let DataType::Timestamp(_, zone) = values.data_type() { zone.clone() } else { None };
    let micros = cast(values, &DataType::Timestamp(TimeUnit::Microsecond, zone)).ok()?;
    Some(micros.as_primitive::<TimestampMicrosecondType>().iter().collect())
}
