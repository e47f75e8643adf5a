//! What can go wrong with the SQL of a model.
//!
//! In: faults of parsing, binding and lowering, which do not know the model. Out: [`SqlError`], which names it.

use datafusion_common::DataFusionError;
use polars::prelude::PolarsError;

use super::SqlModel;

/// A fault of one model's SQL; every variant names the model, and the file where the model is the cause.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The text is not SQL.
    #[error("model `{model}` in `{file}`, line {line}: {message}")]
    Parse {
        /// Name of the model.
        model: String,
        /// File of the model.
        file: String,
        /// Line in the rendered SQL, from 1; 0 where the parser names none.
        line: usize,
        /// What the parser says.
        message: String,
    },
    /// A table, column, function or type does not fit.
    #[error("model `{model}` in `{file}`: {message}")]
    Bind {
        /// Name of the model.
        model: String,
        /// File of the model.
        file: String,
        /// What does not fit, with the nearest name where there is one.
        message: String,
    },
    /// SQL that other engines may know and that is not lowered.
    #[error("model `{model}` in `{file}`: not supported: {construct}")]
    Unsupported {
        /// Name of the model.
        model: String,
        /// File of the model.
        file: String,
        /// The construct, by name.
        construct: String,
    },
    /// Polars refused a plan that we made.
    #[error("model `{model}`: {doing}")]
    Polars {
        /// Name of the model.
        model: String,
        /// What was being done.
        doing: &'static str,
        /// What Polars says.
        #[source]
        source: PolarsError,
    },
}

/// A fault before the model's name is put to it.
#[derive(Debug)]
pub(crate) enum Fault {
    /// See [`SqlError::Parse`].
    Parse { line: usize, message: String },
    /// See [`SqlError::Bind`].
    Bind(String),
    /// See [`SqlError::Unsupported`].
    Unsupported(String),
    /// See [`SqlError::Polars`].
    Polars { doing: &'static str, source: PolarsError },
}

impl Fault {
    /// Refuses a construct by name.
    pub(crate) fn unsupported(construct: impl Into<String>) -> Self {
        Self::Unsupported(construct.into())
    }

    /// A fault that the planner found: what it has not implemented is unsupported, all else does not bind.
    pub(crate) fn bound(error: &DataFusionError) -> Self {
        let root = error.find_root();
        let message = root.message().replace('\n', " ");
        if matches!(root, DataFusionError::NotImplemented(_)) { Self::Unsupported(message) } else { Self::Bind(message) }
    }

    /// A fault of the parser; its message ends with the place, which becomes the line.
    pub(crate) fn parsed(message: &str) -> Self {
        let (text, place) = message.split_once(" at Line: ").map_or((message, ""), |(text, place)| (text, place));
        let digits: String = place.chars().take_while(char::is_ascii_digit).collect();
        Self::Parse { line: digits.parse().unwrap_or(0), message: text.to_owned() }
    }

    /// Puts the model's name to it.
    pub(crate) fn at(self, model: &SqlModel<'_>) -> SqlError {
        let (name, file) = (model.name.to_owned(), model.file.to_owned());
        match self {
            Self::Parse { line, message } => SqlError::Parse { model: name, file, line, message },
            Self::Bind(message) => SqlError::Bind { model: name, file, message },
            Self::Unsupported(construct) => SqlError::Unsupported { model: name, file, construct },
            Self::Polars { doing, source } => SqlError::Polars { model: name, doing, source },
        }
    }
}
