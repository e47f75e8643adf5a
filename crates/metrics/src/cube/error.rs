//! What can be wrong with a cube request or with the numbers in it.

use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use thiserror::Error;

/// A request that the cube cannot answer, or an answer that does not fit its type.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CubeError {
    /// A column has a type that its use in the request does not allow.
    #[error("column `{column}` is {found}, expected {expected}")]
    UnsupportedType {
        /// Name of the column.
        column: String,
        /// Type that the column has.
        found: DataType,
        /// Types that would do.
        expected: String,
    },
    /// A column index is not in the schema.
    #[error("column {index} is asked of a schema of {columns}")]
    UnknownColumn {
        /// Index that was asked.
        index: usize,
        /// Number of columns in the schema.
        columns: usize,
    },
    /// A measure other than a count has no column.
    #[error("measure `{measure}` has no column to aggregate")]
    NoColumn {
        /// Name of the measure.
        measure: String,
    },
    /// A grouping asks for a period and the request has no time column.
    #[error("a grouping by period needs a time column")]
    NoTime,
    /// The rank of a percentile is outside 0 to 1.
    #[error("measure `{measure}` has percentile rank {rank}, expected 0 to 1")]
    InvalidRank {
        /// Name of the measure.
        measure: String,
        /// Rank that was asked.
        rank: f64,
    },
    /// A sum does not fit its type: Int64, or 38 decimal digits.
    #[error("the sum of measure `{measure}` is too large for {data_type}")]
    Overflow {
        /// Name of the measure.
        measure: String,
        /// Type of the sum.
        data_type: DataType,
    },
    /// More distinct values or groups than 32 bits can number.
    #[error("{what} has more distinct values than the cube can number")]
    TooManyValues {
        /// The column or the grouping.
        what: String,
    },
    /// Arrow refused an operation.
    #[error("while {doing}: {source}")]
    Arrow {
        /// What was being done.
        doing: String,
        /// The reason that Arrow gives.
        source: ArrowError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages() {
        let unsupported = CubeError::UnsupportedType { column: "amount".to_owned(), found: DataType::Utf8, expected: "a number".to_owned() };
        assert_eq!(unsupported.to_string(), "column `amount` is Utf8, expected a number");
        let overflow = CubeError::Overflow { measure: "revenue".to_owned(), data_type: DataType::Int64 };
        assert_eq!(overflow.to_string(), "the sum of measure `revenue` is too large for Int64");
        let unknown = CubeError::UnknownColumn { index: 7, columns: 3 };
        assert_eq!(unknown.to_string(), "column 7 is asked of a schema of 3");
        let no_column = CubeError::NoColumn { measure: "revenue".to_owned() };
        assert_eq!(no_column.to_string(), "measure `revenue` has no column to aggregate");
        assert_eq!(CubeError::NoTime.to_string(), "a grouping by period needs a time column");
        let rank = CubeError::InvalidRank { measure: "p90".to_owned(), rank: 90.0 };
        assert_eq!(rank.to_string(), "measure `p90` has percentile rank 90, expected 0 to 1");
        let many = CubeError::TooManyValues { what: "column `id`".to_owned() };
        assert_eq!(many.to_string(), "column `id` has more distinct values than the cube can number");
        let refused = CubeError::Arrow { doing: "building a batch".to_owned(), source: ArrowError::DivideByZero };
        assert_eq!(refused.to_string(), "while building a batch: Divide by zero error");
    }
}
