//! `plan`: what a run of a job will do.

use std::path::Path;

use quotient_jobs::{Format, Plan, PlannedTable};

use super::check;
use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty};
use crate::session::Session;

/// Prints what a run will do about each table, and why, and the sources that it will read.
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
    out.write(text)?;
    for lack in &plan.unavailable {
        session.talk.say(&lack.to_string());
    }
    if plan.nothing_to_do {
        session.talk.say("nothing to do: the results are those of the last run");
    }
    Ok(())
}

fn page(plan: &Plan) -> Result<String, CliError> {
    let mut text = format!("job `{}`, as of {}\nresults: {}\n\n{}", plan.job, plan.as_of, plan.results, tables(plan).print(Format::Table)?);
    if !plan.sources.is_empty() {
        text.push('\n');
        text.push_str(&check::listing(&plan.sources).print(Format::Table)?);
    }
    Ok(text)
}

fn tables(plan: &Plan) -> Listing {
    let reason = |table: &PlannedTable| if table.reasons.is_empty() { "nothing to do".to_owned() } else { table.reasons.join(", ") };
    let since = |table: &PlannedTable| match (&table.since, table.reasons.is_empty()) {
        (_, true) => String::new(),
        (Some(day), false) => format!("after {day}"),
        (None, false) => "all".to_owned(),
    };
    Listing::default()
        .text("table", plan.tables.iter().map(|table| &table.name))
        .text("reason", plan.tables.iter().map(reason))
        .text("periods", plan.tables.iter().map(since))
        .counts("files", plan.tables.iter().map(|table| table.files))
        .counts("bytes", plan.tables.iter().map(|table| table.bytes))
        .text("replaced", plan.tables.iter().map(|table| table.replaced.map(|rows| rows.to_string()).unwrap_or_default()))
        .counts("stays", plan.tables.iter().map(|table| table.stays))
}
