//! What can go wrong between a project's definitions and its cells.

use polars::prelude::PolarsError;

use crate::cube::CubeError;
use crate::sql::SqlError;

/// Why cells cannot be computed.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// A model's SQL cannot be bound or lowered.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// Polars stopped while it computed a model.
    #[error("model `{model}`: cannot {doing}: {source}")]
    Compute {
        /// The model.
        model: String,
        /// What was being done.
        doing: &'static str,
        /// What Polars said.
        source: PolarsError,
    },
    /// The cube stopped.
    #[error("model `{model}`: {source}")]
    Cube {
        /// The model.
        model: String,
        /// What the cube said.
        source: CubeError,
    },
    /// A name that the project does not have.
    #[error("unknown {what} `{name}`{}", crate::error::near(.near.as_deref()))]
    Unknown {
        /// What kind of name.
        what: &'static str,
        /// The name.
        name: String,
        /// The nearest valid one.
        near: Option<String>,
    },
    /// A metric that cannot be grouped or filtered as asked.
    #[error("metric `{metric}`: {message}")]
    Group {
        /// The metric.
        metric: String,
        /// Why not, with the nearest valid item.
        message: String,
    },
    /// A join key that is not one: a join would add rows.
    #[error("model `{model}`: entity `{entity}` has {count} values on more than one row, for example `{example}`: a join to it would add rows")]
    DuplicateKey {
        /// The model that should have one row per key.
        model: String,
        /// The entity.
        entity: String,
        /// How many values repeat.
        count: usize,
        /// One of them.
        example: String,
    },
    /// Keys of a fact and of the model that it is joined with are of two types.
    #[error("model `{model}`: entity `{entity}` is {found}, expected {expected} as in the rows that are joined with it")]
    KeyTypes {
        /// The model that has the entity as its key.
        model: String,
        /// The entity.
        entity: String,
        /// The type of the rows that look for it.
        expected: String,
        /// Its type.
        found: String,
    },
    /// Versions of one key that are valid at the same instant.
    #[error("model `{model}`: versions of entity `{entity}` overlap, for example those of `{example}`: a join to it would add rows")]
    Overlap {
        /// The model of versions.
        model: String,
        /// The entity.
        entity: String,
        /// A key whose versions overlap.
        example: String,
    },
    /// A definition that has no meaning at what is asked.
    #[error("metric `{metric}`: {message}")]
    Definition {
        /// The metric.
        metric: String,
        /// What has no meaning.
        message: String,
    },
    /// A model whose template has no text in another dialect.
    #[error("model `{model}` cannot be rendered for {dialect}: {message}")]
    Render {
        /// The model.
        model: String,
        /// The dialect.
        dialect: &'static str,
        /// What keeps it from being rendered.
        message: String,
    },
    /// A model that reads a source that nobody opened.
    #[error("model `{model}` reads `{source_name}`, which is not open")]
    NotOpen {
        /// The model.
        model: String,
        /// The source.
        source_name: String,
    },
    /// Arrow refused data of Polars.
    #[error("cannot hand over column `{column}` to arrow: {reason}")]
    Bridge {
        /// The column.
        column: String,
        /// What arrow said.
        reason: String,
    },
}

pub(crate) fn near(name: Option<&str>) -> String {
    name.map_or(String::new(), |name| format!("\n\nhint: did you mean `{name}`?"))
}
