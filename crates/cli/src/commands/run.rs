//! `run`: a job, computed and published.

mod watched;

use std::path::Path;

use quotient_jobs::{Format, RunSummary, render};
use serde_json::{Value, json};

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty, value_of};
use crate::session::Session;
use crate::talk::counted;

pub(crate) use watched::Failure;

/// Runs the job, and prints the tables that it wrote, where they are, and the last complete month of its metrics.
///
/// As CSV: the tables only.
///
/// # Errors
/// A project, a job file, a lake or a results folder that is not as it should be.
pub(crate) fn run(job: &Path, failure: Failure, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let summary = watched::run(&workspace, &job, failure, session).map_err(CliError::job)?;
    out.write(page(&summary, session.format)?)?;
    for lack in &summary.unavailable {
        session.talk.say(&lack.to_string());
    }
    if summary.restated > 0 {
        session.talk.say(&format!("{} of complete periods restated: see `kpi_restatements`", counted(&summary.restated, "cell")));
    }
    if summary.reasons.is_empty() {
        session.talk.say("nothing to do: the results are those of the last run");
    }
    Ok(())
}

/// The summary of a run in a form: tables, where they are, the last complete month; as CSV the tables only.
pub(crate) fn page(summary: &RunSummary, format: Format) -> Result<String, CliError> {
    match format {
        Format::Json => pretty(&value(summary)?),
        Format::Csv => tables(summary).print(Format::Csv),
        Format::Table => text(summary),
    }
}

fn text(summary: &RunSummary) -> Result<String, CliError> {
    let reasons: Vec<&str> = summary.reasons.iter().map(|reason| reason.words()).collect();
    let why = if reasons.is_empty() { "nothing to do".to_owned() } else { reasons.join(", ") };
    let mut text =
        format!("run {} of job `{}`, as of {}: {why}\nresults: {}\n\n{}", summary.run_id, summary.job, summary.as_of, summary.results, tables(summary).print(Format::Table)?);
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
        "unavailable": summary.unavailable,
        "reasons": summary.reasons,
        "restated": summary.restated,
    }))
}
