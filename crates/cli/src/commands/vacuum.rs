//! `vacuum`: old versions of result tables taken away.

use std::path::Path;

use chrono::Days;
use quotient_jobs::Format;

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::{Listing, pretty};
use crate::session::Session;

/// Takes away the data files that no version of the last days has, and prints how many went from each table.
///
/// # Errors
/// Results that cannot be read, listed or deleted from.
pub(crate) fn run(job: &Path, keep_days: u32, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(job).map_err(CliError::job)?;
    // Never up to now: what a run has put and not committed yet is younger.
    let now = session.as_of.min(session.now);
    let before = now.checked_sub_days(Days::new(keep_days.into())).unwrap_or(now);
    let gone = workspace.vacuum(&job, before).map_err(CliError::job)?;
    let listing = Listing::default()
        .text("table", gone.iter().map(|table| &table.name))
        .counts("files", gone.iter().map(|table| table.files))
        .counts("bytes", gone.iter().map(|table| table.bytes));
    out.write(match session.format {
        Format::Json => pretty(&serde_json::to_value(&gone).map_err(CliError::json)?)?,
        format => listing.print(format)?,
    })
}
