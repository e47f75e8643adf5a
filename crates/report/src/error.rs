//! What can go wrong when results are written, read or printed.

use arrow::error::ArrowError;
use deltalake::DeltaTableError;
use parquet::errors::ParquetError;
use thiserror::Error;

/// A fault of a result table or of its store.
///
/// Locations are URLs without user, password and query; the cause is the error's source.
#[derive(Debug, Error)]
pub enum ReportError {
    /// A file of a table cannot be written.
    #[error("cannot write table `{table}` to `{location}`")]
    Unwritable {
        /// The table.
        table: String,
        /// Where it lies.
        location: String,
        /// Why.
        source: Box<object_store::Error>,
    },
    /// A file of a table cannot be fetched.
    #[error("cannot read table `{table}` from `{location}`: file `{file}`")]
    Read {
        /// The table.
        table: String,
        /// Where it lies.
        location: String,
        /// The file, relative to the table.
        file: String,
        /// Why.
        source: Box<object_store::Error>,
    },
    /// A file of a table is not what a result table holds.
    #[error("cannot read table `{table}` from `{location}`: file `{file}` is damaged")]
    Damaged {
        /// The table.
        table: String,
        /// Where it lies.
        location: String,
        /// The file, relative to the table.
        file: String,
        /// Why.
        source: ParquetError,
    },
    /// A file has rows that another program marked as deleted; writing on would bring them back.
    #[error(
        "table `{table}` in `{location}`: file `{file}` has deleted rows that another program marked\n\nhint: rewrite the table there without deletion vectors, or remove it and run again"
    )]
    DeletionVector {
        /// The table.
        table: String,
        /// Where it lies.
        location: String,
        /// The file, relative to the table.
        file: String,
    },
    /// The log of a table does not do what it should.
    #[error("cannot {doing} table `{table}` in `{location}`")]
    Delta {
        /// The table.
        table: String,
        /// Where it lies.
        location: String,
        /// What was being done: `open`, `commit`.
        doing: &'static str,
        /// Why.
        source: Box<DeltaTableError>,
    },
    /// Another run wrote the table at the same time; this one changed nothing in it.
    #[error("table `{table}` was written by another run at the same time, and this run left it as it is\n\nhint: run again when the other run is done")]
    Concurrent {
        /// The table.
        table: String,
    },
    /// A column is not what the table can hold.
    #[error("table `{table}`: column `{column}` is {found}, expected {expected}")]
    Schema {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What would fit.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A name that cannot be a folder of the results.
    #[error("table name `{table}`: expected letters, digits, `_` and `-`, a letter first")]
    Name {
        /// The name.
        table: String,
    },
    /// Rows of a table cannot be put together.
    #[error("cannot {doing} rows of table `{table}`")]
    Rows {
        /// The table.
        table: String,
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: ArrowError,
    },
    /// Rows of a table cannot be encoded into a file.
    #[error("cannot encode rows of table `{table}`")]
    Encode {
        /// The table.
        table: String,
        /// Why.
        source: ParquetError,
    },
    /// A column has a type that cannot be printed.
    #[error("cannot print column `{column}`: its type is {found}, expected text, a number, a boolean, a date or an instant")]
    Render {
        /// The column.
        column: String,
        /// Its type.
        found: String,
    },
    /// The rows cannot be written as text.
    #[error("cannot print rows as {format}")]
    Print {
        /// The format.
        format: &'static str,
        /// Why.
        source: std::io::Error,
    },
}

impl ReportError {
    /// The file that is not there any more, or not what was written: no retry brings it back.
    #[must_use]
    pub fn lost_file(&self) -> Option<&str> {
        match self {
            Self::Damaged { file, .. } => Some(file),
            Self::Read { file, source, .. } if matches!(**source, object_store::Error::NotFound { .. }) => Some(file),
            _ => None,
        }
    }

    pub(crate) fn rows(table: &str, doing: &'static str) -> impl Fn(ArrowError) -> Self {
        move |source| Self::Rows { table: table.to_owned(), doing, source }
    }
}

#[cfg(test)]
mod tests {
    use super::ReportError;

    #[test]
    fn messages_name_the_table_and_what_was_wrong() {
        let error = ReportError::Schema { table: "revenue".to_owned(), column: "units".to_owned(), expected: "a signed type".to_owned(), found: "UInt32".to_owned() };
        assert_eq!(error.to_string(), "table `revenue`: column `units` is UInt32, expected a signed type");
        let error = ReportError::Unwritable {
            table: "revenue".to_owned(),
            location: "s3://bucket/results/revenue".to_owned(),
            source: Box::new(object_store::Error::NotImplemented { operation: "put".to_owned(), implementer: "test".to_owned() }),
        };
        assert_eq!(error.to_string(), "cannot write table `revenue` to `s3://bucket/results/revenue`");
        let error = ReportError::Concurrent { table: "revenue".to_owned() };
        assert_eq!(error.to_string(), "table `revenue` was written by another run at the same time, and this run left it as it is\n\nhint: run again when the other run is done");
        let error = ReportError::Name { table: "../x".to_owned() };
        assert_eq!(error.to_string(), "table name `../x`: expected letters, digits, `_` and `-`, a letter first");
    }
}
