//! Rows as CSV by RFC 4180.

use csv::{Terminator, WriterBuilder};

use super::cell::{Cell, Column};
use crate::error::ReportError;

/// A header, then one record per row.
pub(crate) fn print(columns: &[Column], rows: usize) -> Result<String, ReportError> {
    let fault = |source: std::io::Error| ReportError::Print { format: "csv", source };
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let header = columns.iter().map(|column| harmless(&column.name));
    writer.write_record(header).map_err(|e| fault(e.into()))?;
    for row in 0..rows {
        let record = columns.iter().map(|column| column.cells.get(row).map_or_else(String::new, text));
        writer.write_record(record).map_err(|e| fault(e.into()))?;
    }
    let bytes = writer.into_inner().map_err(|e| fault(e.into_error()))?;
    String::from_utf8(bytes).map_err(|e| fault(std::io::Error::other(e)))
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => harmless(text),
        Cell::Integer(number) => number.to_string(),
        Cell::Float(number) => number.to_string(),
        Cell::Decimal(text) | Cell::Moment(text) => text.clone(),
        Cell::Boolean(flag) => flag.to_string(),
    }
}

/// Text that no spreadsheet runs: an apostrophe goes before what could start a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}
