//! Rows as text: a table for a terminal, CSV for spreadsheets, JSON for programs.
//!
//! In: a record batch of any plain types. Out: text that ends with a line break, without colours.

mod cell;
mod csv;
mod json;
mod table;

use arrow::array::RecordBatch;

use crate::error::ReportError;

pub use cell::cell_texts;

/// The forms that rows can be printed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Columns for a terminal. Null is empty; doubles have up to six decimals, decimals all of theirs; control characters are escaped.
    Table,
    /// An array of objects, one per line, columns in order.
    /// Null is `null`; decimals are strings, because JSON readers round numbers; dates and instants are ISO 8601 strings;
    /// doubles that no JSON number can be are `null`.
    Json,
    /// RFC 4180, with a header and CRLF. Null is empty; numbers have full precision.
    /// Text that a spreadsheet would take for a formula has an apostrophe before it.
    Csv,
}

/// Prints rows.
///
/// # Errors
/// [`ReportError::Render`] for a column whose type has no text.
pub fn render(batch: &RecordBatch, format: Format) -> Result<String, ReportError> {
    let columns = cell::columns(batch)?;
    match format {
        Format::Table => Ok(table::print(&columns, batch.num_rows())),
        Format::Json => Ok(json::print(&columns, batch.num_rows())),
        Format::Csv => csv::print(&columns, batch.num_rows()),
    }
}

#[cfg(test)]
mod tests;
