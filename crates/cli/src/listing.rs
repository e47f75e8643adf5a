//! Small tables of what a command found or did, printed by the same rules as results.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, UInt64Array};
use quotient_jobs::{Format, render};
use serde_json::Value;

use crate::error::CliError;

/// Columns, in order, of one length.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    columns: Vec<(&'static str, ArrayRef)>,
}

impl Listing {
    /// Adds a column of text.
    pub(crate) fn text<T: AsRef<str>>(mut self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self {
        self.columns.push((name, Arc::new(StringArray::from_iter_values(values))));
        self
    }

    /// Adds a column of counts.
    pub(crate) fn counts(mut self, name: &'static str, values: impl IntoIterator<Item = u64>) -> Self {
        self.columns.push((name, Arc::new(UInt64Array::from_iter_values(values))));
        self
    }

    /// Adds a column of whole numbers.
    pub(crate) fn numbers(mut self, name: &'static str, values: impl IntoIterator<Item = i64>) -> Self {
        self.columns.push((name, Arc::new(Int64Array::from_iter_values(values))));
        self
    }

    /// Adds a column of whole numbers, some of which may be missing.
    pub(crate) fn some_numbers(mut self, name: &'static str, values: impl IntoIterator<Item = Option<i64>>) -> Self {
        self.columns.push((name, Arc::new(Int64Array::from_iter(values))));
        self
    }

    /// Adds a column of yes and no.
    pub(crate) fn flags(mut self, name: &'static str, values: impl IntoIterator<Item = bool>) -> Self {
        self.columns.push((name, Arc::new(BooleanArray::from(values.into_iter().collect::<Vec<bool>>()))));
        self
    }

    /// The rows as text.
    ///
    /// # Errors
    /// [`CliError::Listing`] for columns of different lengths, [`CliError::Render`].
    pub(crate) fn print(self, format: Format) -> Result<String, CliError> {
        let batch = RecordBatch::try_from_iter(self.columns).map_err(|source| CliError::Listing { source })?;
        render(&batch, format).map_err(CliError::render)
    }

    /// The rows as JSON objects.
    ///
    /// # Errors
    /// As [`Listing::print`].
    pub(crate) fn value(self) -> Result<Value, CliError> {
        serde_json::from_str(&self.print(Format::Json)?).map_err(CliError::json)
    }
}

/// Rows as JSON objects.
///
/// # Errors
/// [`CliError::Render`].
pub(crate) fn value_of(batch: &RecordBatch) -> Result<Value, CliError> {
    let text = render(batch, Format::Json).map_err(CliError::render)?;
    serde_json::from_str(&text).map_err(CliError::json)
}

/// JSON for a person and a program, with a line break at its end.
///
/// # Errors
/// [`CliError::Json`].
pub(crate) fn pretty(value: &Value) -> Result<String, CliError> {
    let text = serde_json::to_string_pretty(value).map_err(CliError::json)?;
    Ok(format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use quotient_jobs::Format;

    use super::Listing;

    fn listing() -> Listing {
        Listing::default().text("table", ["leads", "reps"]).counts("rows", [12, 3]).numbers("version", [0, 1]).flags("changed", [true, false])
    }

    #[test]
    fn columns_keep_their_order() {
        assert_eq!(listing().print(Format::Csv).unwrap(), "table,rows,version,changed\r\nleads,12,0,true\r\nreps,3,1,false\r\n");
        assert_eq!(listing().value().unwrap().to_string(), r#"[{"table":"leads","rows":12,"version":0,"changed":true},{"table":"reps","rows":3,"version":1,"changed":false}]"#);
    }

    #[test]
    fn columns_of_different_lengths_are_refused() {
        let error = Listing::default().text("a", ["x"]).counts("b", []).print(Format::Csv).unwrap_err();
        assert_eq!(error.to_string(), "cannot put a listing together");
    }
}
