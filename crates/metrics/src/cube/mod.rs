//! The cube: all measures of a fact, grouped by periods and keys.
//!
//! In: record batches of one schema and a [`CubeRequest`].
//! Out: one record batch per grouping, its rows sorted, the same bytes for any row order, split and thread count.
//! It knows nothing of metrics, models or calendars: derived metrics, fiscal years and status are decided elsewhere.

mod accumulate;
mod aggregate;
mod codes;
mod distinct_rows;
mod error;
mod exact_sum;
mod extreme;
mod fact;
mod family;
mod fold_hasher;
mod grouping;
mod known_values;
mod lots;
mod measure;
mod measured;
mod number_sets;
mod numbers;
mod output;
mod percentile;
mod period_starts;
mod quotient;
mod request;
mod states;
#[cfg(test)]
mod tests;

pub(crate) use distinct_rows::{DistinctRows, distinct_values};

pub use aggregate::{aggregate, rows_without_time};
pub use error::CubeError;
pub use known_values::KnownValues;
pub use lots::Cube;
pub use period_starts::PeriodStarts;
pub use quotient_model::Agg;
pub use request::{CubeMeasure, CubeRequest, Grouping};
