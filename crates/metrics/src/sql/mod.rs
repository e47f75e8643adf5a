//! SQL of models: from text to lazy frames.
//!
//! In: the rendered SQL of a model and the relations that it names. Out: a [`Relation`], lazy and typed.
//! `DataFusion`'s planner parses, binds and types; the lowering to Polars is ours, and refuses by name what it does not know.
//! Not here: Jinja, reading of files, metrics.

mod aggregate;
mod arithmetic;
mod bind;
mod cast;
mod clock;
mod error;
mod expression;
mod firsts;
mod folds;
mod functions;
mod join;
mod lineage;
mod model;
mod names;
mod over;
mod plan;
mod rewrite;
mod row_by_row;
mod scalar;
mod subquery;
#[cfg(test)]
mod tests;
mod types;
mod window;

pub use error::SqlError;
pub(crate) use firsts::{FirstsOf, firsts_of, lower_firsts, lower_over_firsts};
pub(crate) use lineage::{Absent, Lineage, lineage};
pub use model::{Relation, SqlModel, lower_model, lower_projection};
pub(crate) use names::{NamesRead, columns_of_expressions, names_read};
pub use row_by_row::Merge;
pub(crate) use row_by_row::{Part, Sets, grouped, row_by_row, together};
pub(crate) use types::polars_type;
