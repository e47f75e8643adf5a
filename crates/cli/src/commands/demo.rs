//! `demo`: a lake of a fictional company, and what is in it.

use quotient_jobs::{DemoRequest, generate};

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::listing::Listing;
use crate::session::Session;
use crate::talk::counted;

/// Makes the lake, and prints its tables with rows, files and bytes.
///
/// # Errors
/// [`CliError::Demo`].
pub(crate) fn run(request: &DemoRequest, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let tables = generate(request).map_err(CliError::demo)?;
    let listing = Listing::default()
        .text("table", tables.iter().map(|table| &table.name))
        .counts("rows", tables.iter().map(|table| table.rows))
        .counts("files", tables.iter().map(|table| u64::from(table.files)))
        .counts("bytes", tables.iter().map(|table| table.bytes));
    out.write(listing.print(session.format)?)?;
    let bytes: u64 = tables.iter().map(|table| table.bytes).sum();
    session.talk.say(&format!("wrote {} with {} to `{}`", counted(&tables.len(), "table"), counted(&bytes, "byte"), request.directory.display()));
    Ok(())
}
