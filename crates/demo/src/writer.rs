//! Records to one Parquet file, block by block: memory is bounded by the block, not by the table.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

use crate::columns::Column;
use crate::error::DemoError;

/// Rows of a block.
const BLOCK: usize = 65_536;

/// A row of a table.
pub(crate) trait Record: Sized {
    /// Name of the table.
    const TABLE: &'static str;

    /// What the rows of a block are sorted by; rows of the same value stay as they came.
    fn order(&self) -> i64 {
        0
    }

    /// The columns of some rows; also of none, for the schema.
    fn columns(rows: &[Self]) -> Vec<Column>;
}

/// What a finished file holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// Rows.
    pub(crate) rows: u64,
    /// Size of the file.
    pub(crate) bytes: u64,
}

/// A file that takes records.
pub(crate) struct Sink<T> {
    path: PathBuf,
    schema: SchemaRef,
    writer: ArrowWriter<File>,
    block: Vec<T>,
    rows: u64,
}

impl<T: Record> Sink<T> {
    /// A new file; its folder is there already.
    ///
    /// # Errors
    /// [`DemoError::File`] and [`DemoError::Encode`].
    pub(crate) fn create(path: &Path) -> Result<Self, DemoError> {
        let file = File::create(path).map_err(|source| DemoError::File { path: path.to_owned(), source })?;
        let fields: Vec<Field> = T::columns(&[]).into_iter().map(|(field, _)| field).collect();
        let schema: SchemaRef = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).set_statistics_enabled(EnabledStatistics::Chunk).build();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(|source| encode::<T>(path, source))?;
        Ok(Self { path: path.to_owned(), schema, writer, block: Vec::new(), rows: 0 })
    }

    /// Adds a record.
    ///
    /// # Errors
    /// [`DemoError::Columns`] and [`DemoError::Encode`], when a block is full.
    pub(crate) fn push(&mut self, record: T) -> Result<(), DemoError> {
        self.block.push(record);
        if self.block.len() < BLOCK { Ok(()) } else { self.flush() }
    }

    /// Writes what is left and closes the file.
    ///
    /// # Errors
    /// As [`Sink::push`], and [`DemoError::File`].
    pub(crate) fn finish(mut self) -> Result<Written, DemoError> {
        self.flush()?;
        let Self { path, writer, rows, .. } = self;
        writer.close().map_err(|source| encode::<T>(&path, source))?;
        let bytes = std::fs::metadata(&path).map_err(|source| DemoError::File { path, source })?.len();
        Ok(Written { rows, bytes })
    }

    fn flush(&mut self) -> Result<(), DemoError> {
        if self.block.is_empty() {
            return Ok(());
        }
        self.block.sort_by_key(T::order);
        let arrays: Vec<ArrayRef> = T::columns(&self.block).into_iter().map(|(_, array)| array).collect();
        self.block.clear();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|source| DemoError::Columns { table: T::TABLE, source })?;
        self.rows += u64::try_from(batch.num_rows()).unwrap_or(0);
        self.writer.write(&batch).map_err(|source| encode::<T>(&self.path, source))
    }
}

fn encode<T: Record>(path: &Path, source: ParquetError) -> DemoError {
    DemoError::Encode { table: T::TABLE, path: path.to_owned(), source }
}
