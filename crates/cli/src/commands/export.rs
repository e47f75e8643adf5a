//! `export`: the definitions in another tool's form, and on stderr what that form cannot say.

use std::fs;
use std::path::Path;

use quotient_jobs::ExportFormat;

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::session::Session;
use crate::talk::counted;

/// Writes the definitions to a file or to stdout, then tells every loss, one on a line.
///
/// # Errors
/// A project with faults, a file or stdout that cannot be written.
pub(crate) fn run(format: ExportFormat, file: Option<&Path>, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let exported = session.open()?.export(format);
    match file {
        Some(path) => fs::write(path, &exported.text).map_err(|source| CliError::Write { path: path.to_owned(), source })?,
        None => out.write(&exported.text)?,
    }
    if !exported.losses.is_empty() {
        session.talk.say(&format!("{} that the format cannot say:", counted(&exported.losses.len(), "thing")));
    }
    for loss in &exported.losses {
        session.talk.say(&format!("  {loss}"));
    }
    Ok(())
}
