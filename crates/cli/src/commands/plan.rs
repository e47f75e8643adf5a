//! `plan`: what a run of a job will do.

use std::path::Path;

use quotient_jobs::{Format, Plan};

use super::check;
use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty};
use crate::session::Session;

/// Prints the tables that a run will write, with the reason of each, and the sources that it will read.
///
/// As CSV: the tables only.
///
/// # Errors
/// A project, a job file or a lake that is not as it should be.
pub(crate) fn run(job: &Path, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    let plan = workspace.plan(&job).map_err(CliError::job)?;
    let text = match session.format {
        Format::Json => pretty(&serde_json::to_value(&plan).map_err(CliError::json)?)?,
        Format::Csv => tables(&plan).print(Format::Csv)?,
        Format::Table => page(&plan)?,
    };
    out.write(text)
}

fn page(plan: &Plan) -> Result<String, CliError> {
    Ok(format!(
        "job `{}`, as of {}\nresults: {}\n\n{}\n{}",
        plan.job,
        plan.as_of,
        plan.results,
        tables(plan).print(Format::Table)?,
        check::listing(&plan.sources).print(Format::Table)?
    ))
}

fn tables(plan: &Plan) -> Listing {
    let lengths = plan.tables.iter().map(|table| u64::try_from(table.metrics.len()).unwrap_or(u64::MAX));
    Listing::default()
        .text("table", plan.tables.iter().map(|table| &table.name))
        .counts("metrics", lengths)
        .counts("slices", plan.tables.iter().map(|table| table.slices))
        .text("grains", plan.tables.iter().map(|table| table.grains.join(" ")))
        .text("reason", plan.tables.iter().map(|table| &table.reason))
}
