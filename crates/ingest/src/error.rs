//! What can go wrong between a lake and its tables.

use crate::check::SchemaFault;

/// Why a lake cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// A location that is neither a path nor a URL of a known scheme.
    #[error("location `{location}`: {message}")]
    Location {
        /// As written.
        location: String,
        /// What is wrong with it.
        message: String,
    },
    /// No file matches a table's location.
    #[error("table `{table}`: no file at `{location}`")]
    NoFiles {
        /// The table.
        table: String,
        /// Where it was looked for.
        location: String,
    },
    /// The store did not answer a listing.
    #[error("table `{table}`: cannot list `{location}`: {reason}")]
    List {
        /// The table.
        table: String,
        /// What was listed.
        location: String,
        /// What the store said.
        reason: String,
    },
    /// A file that is not a whole Parquet file.
    #[error("table `{table}` in `{file}`: not a readable Parquet file: {reason}")]
    Footer {
        /// The table.
        table: String,
        /// The file.
        file: String,
        /// What the reader said.
        reason: String,
    },
    /// Columns that are missing or of another type, of every table.
    #[error("{}", SchemaFault::render(.0))]
    Schema(Vec<SchemaFault>),
    /// Polars refused to build a scan.
    #[error("table `{table}`: cannot scan: {source}")]
    Scan {
        /// The table.
        table: String,
        /// What Polars said.
        source: polars::error::PolarsError,
    },
    /// The executor could not start.
    #[error("cannot start the I/O runtime: {0}")]
    Runtime(std::io::Error),
}
