//! `runs`: what runs of a job did, what lies between two of them, and which days none has computed.

use std::path::Path;

use quotient_jobs::{Format, Gap, PastRun, RunDifference};
use serde::Serialize;

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty};
use crate::session::Session;

/// Prints the runs of a job, the latest first.
///
/// # Errors
/// Results that cannot be read.
pub(crate) fn list(job: &Path, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let runs = workspace.runs(&job).map_err(CliError::job)?;
    print(&runs, runs_listing(&runs), session, out)
}

/// Prints one run: why it computed, what it read and wrote.
///
/// # Errors
/// A run that is not there, with the nearest one.
pub(crate) fn show(job: &Path, id: &str, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let run = workspace.past_run(&job, id).map_err(CliError::job)?;
    let tables = Listing::default()
        .text("table", run.tables.iter().map(|table| &table.name))
        .numbers("version", run.tables.iter().map(|table| table.version))
        .flags("changed", run.tables.iter().map(|table| table.changed))
        .numbers("rows", run.tables.iter().map(|table| table.rows));
    match session.format {
        Format::Table => {
            let head = format!(
                "run {}, as of {}: {}\nreasons: {}\nread: {} files, {} bytes\nrestated: {} cells\n\n",
                run.run_id, run.as_of, run.status, run.reasons, run.files, run.bytes, run.restated
            );
            out.write(head + &tables.print(Format::Table)?)
        }
        _ => print(&run, tables, session, out),
    }
}

/// Prints what differs in `kpi_values` between two runs, by metric.
///
/// # Errors
/// A run that is not there; versions that a vacuum took away.
pub(crate) fn diff(job: &Path, first: &str, second: &str, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let found: Vec<RunDifference> = workspace.diff_runs(&job, first, second).map_err(CliError::job)?;
    let listing = Listing::default()
        .text("metric", found.iter().map(|difference| &difference.metric))
        .counts("added", found.iter().map(|difference| difference.added))
        .counts("removed", found.iter().map(|difference| difference.removed))
        .counts("changed", found.iter().map(|difference| difference.changed));
    print(&found, listing, session, out)
}

/// Prints the days that no run has computed.
///
/// # Errors
/// Results that cannot be read.
pub(crate) fn gaps(job: &Path, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let gaps: Vec<Gap> = workspace.gaps(&job).map_err(CliError::job)?;
    let listing = Listing::default()
        .text("table", gaps.iter().map(|gap| &gap.table))
        .text("from", gaps.iter().map(|gap| gap.from.to_string()))
        .text("to", gaps.iter().map(|gap| gap.to.to_string()));
    print(&gaps, listing, session, out)?;
    if gaps.is_empty() {
        session.talk.say("no gap: every day is computed");
    }
    Ok(())
}

fn runs_listing(runs: &[PastRun]) -> Listing {
    let changed = |run: &PastRun| u64::try_from(run.tables.iter().filter(|table| table.changed).count()).unwrap_or(u64::MAX);
    Listing::default()
        .text("run", runs.iter().map(|run| &run.run_id))
        .text("as_of", runs.iter().map(|run| &run.as_of))
        .text("status", runs.iter().map(|run| &run.status))
        .text("reasons", runs.iter().map(|run| &run.reasons))
        .numbers("files", runs.iter().map(|run| run.files))
        .numbers("bytes", runs.iter().map(|run| run.bytes))
        .counts("changed", runs.iter().map(changed))
        .numbers("restated", runs.iter().map(|run| run.restated))
}

fn print<T: Serialize>(data: &T, listing: Listing, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    out.write(match session.format {
        Format::Json => pretty(&serde_json::to_value(data).map_err(CliError::json)?)?,
        format => listing.print(format)?,
    })
}
