//! `run`: a job, computed and published.

use std::path::Path;

use quotient_jobs::{Format, RunSummary, Silent, render};
use serde_json::{Value, json};

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty, value_of};
use crate::progress::Bar;
use crate::session::Session;

/// Runs the job, and prints the tables that it wrote, where they are, and the last complete month of its metrics.
///
/// As CSV: the tables only.
///
/// # Errors
/// A project, a job file, a lake or a results folder that is not as it should be.
pub(crate) fn run(job: &Path, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let ran = if session.shows_progress { workspace.run(&job, &Bar::new()) } else { workspace.run(&job, &Silent) };
    let summary = ran.map_err(CliError::job)?;
    let text = match session.format {
        Format::Json => pretty(&value(&summary)?)?,
        Format::Csv => tables(&summary).print(Format::Csv)?,
        Format::Table => page(&summary)?,
    };
    out.write(text)?;
    if summary.tables.iter().all(|table| !table.changed) {
        session.talk.say("nothing changed: the results are those of the run before");
    }
    Ok(())
}

fn page(summary: &RunSummary) -> Result<String, CliError> {
    let mut text = format!("run {} of job `{}`, as of {}\nresults: {}\n\n{}", summary.run_id, summary.job, summary.as_of, summary.results, tables(summary).print(Format::Table)?);
    if summary.headline.num_rows() > 0 {
        text.push_str("\nthe last complete month:\n\n");
        text.push_str(&render(&summary.headline, Format::Table).map_err(CliError::render)?);
    }
    Ok(text)
}

fn tables(summary: &RunSummary) -> Listing {
    Listing::default()
        .text("table", summary.tables.iter().map(|table| &table.name))
        .numbers("version", summary.tables.iter().map(|table| table.version))
        .flags("changed", summary.tables.iter().map(|table| table.changed))
        .counts("rows", summary.tables.iter().map(|table| table.rows))
}

fn value(summary: &RunSummary) -> Result<Value, CliError> {
    Ok(json!({
        "run_id": summary.run_id,
        "job": summary.job,
        "as_of": summary.as_of,
        "results": summary.results,
        "tables": tables(summary).value()?,
        "headline": value_of(&summary.headline)?,
    }))
}
