//! What can go wrong when a lake is made.

use std::path::PathBuf;

use arrow::error::ArrowError;
use chrono::NaiveDate;
use parquet::errors::ParquetError;
use thiserror::Error;

/// A fault of a request, or of the disk it is written to.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The scale is not a number above zero, or beyond what identifiers have room for.
    #[error("scale is {found}, expected a number above 0 and at most {limit}")]
    Scale {
        /// As asked.
        found: f64,
        /// The largest scale.
        limit: f64,
    },
    /// The range of days is empty, or outside the years that the calendar tables know.
    #[error("range is {from} to {to}, expected a first day before the last, both between {first} and {last}")]
    Range {
        /// First day asked.
        from: NaiveDate,
        /// Day after the last asked.
        to: NaiveDate,
        /// Earliest first day.
        first: NaiveDate,
        /// Latest end.
        last: NaiveDate,
    },
    /// A folder of a table is there already: files of two lakes would mix.
    #[error("`{}` is there already, expected no folder of that name\n\nhint: name an empty folder, or remove this one", .path.display())]
    Occupied {
        /// The folder of the table.
        path: PathBuf,
    },
    /// A folder cannot be made.
    #[error("cannot make the folder `{}`", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be opened or looked at.
    #[error("cannot write the file `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Rows cannot be encoded into a file.
    #[error("cannot write rows of table `{table}` to `{}`", .path.display())]
    Encode {
        /// Name of the table.
        table: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
    /// The columns of a table do not make a batch.
    #[error("columns of table `{table}` do not fit together")]
    Columns {
        /// Name of the table.
        table: &'static str,
        /// Why.
        source: ArrowError,
    },
}
