//! `check`: the project, and every source against the lake.

use quotient_jobs::{CheckReport, CheckedSource, Format};
use serde_json::{Value, json};

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty};
use crate::session::Session;
use crate::talk::counted;

/// Checks everything, and prints the sources with files, rows, bytes and the optional columns that they lack.
///
/// # Errors
/// Every fault of the project, or of the sources, in one error.
pub(crate) fn run(session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let report = session.open()?.check().map_err(CliError::job)?;
    let text = match session.format {
        Format::Json => pretty(&value(&report))?,
        format => listing(&report.sources).text("absent", report.sources.iter().map(|source| source.absent.join(" "))).print(format)?,
    };
    out.write(text)?;
    for lack in &report.unavailable {
        session.talk.say(&lack.to_string());
    }
    session.talk.say(&format!("no fault in {}, {} and {}", counted(&report.sources.len(), "source"), counted(&report.models, "model"), counted(&report.metrics, "metric")));
    Ok(())
}

/// Sources with what they hold.
pub(crate) fn listing(sources: &[CheckedSource]) -> Listing {
    Listing::default()
        .text("source", sources.iter().map(|source| &source.table))
        .counts("files", sources.iter().map(|source| source.files))
        .counts("rows", sources.iter().map(|source| source.rows))
        .counts("bytes", sources.iter().map(|source| source.bytes))
}

fn value(report: &CheckReport) -> Value {
    let sources: Vec<Value> =
        report.sources.iter().map(|source| json!({"table": source.table, "files": source.files, "rows": source.rows, "bytes": source.bytes, "absent": source.absent})).collect();
    json!({"sources": sources, "models": report.models, "metrics": report.metrics, "unavailable": report.unavailable})
}
