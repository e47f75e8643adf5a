//! `docs`: the dictionary of the metrics as files, or the question whether those that are there are up to date.

use std::fs;
use std::path::Path;

use crate::error::CliError;
use crate::session::Session;

/// The file that is compared: the other one says the same.
const MARKDOWN: &str = "kpis.md";
const PAGE: &str = "kpis.html";

/// Writes both files.
///
/// # Errors
/// A project with faults, a file that cannot be written.
pub(crate) fn run(folder: &Path, session: &Session) -> Result<(), CliError> {
    let docs = session.open()?.docs().map_err(CliError::job)?;
    fs::create_dir_all(folder).map_err(|source| CliError::Write { path: folder.to_owned(), source })?;
    for (name, text) in [(MARKDOWN, &docs.markdown), (PAGE, &docs.html)] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| CliError::Write { path, source })?;
    }
    session.talk.say(&format!("wrote `{}` and `{}`", folder.join(MARKDOWN).display(), folder.join(PAGE).display()));
    Ok(())
}

/// Compares the Markdown with what would be written; a file that is not there, or no text, is not the same.
///
/// # Errors
/// A project with faults, [`CliError::Docs`].
pub(crate) fn check(folder: &Path, session: &Session) -> Result<(), CliError> {
    let docs = session.open()?.docs().map_err(CliError::job)?;
    let path = folder.join(MARKDOWN);
    if fs::read_to_string(&path).is_ok_and(|found| found == docs.markdown) { Ok(()) } else { Err(CliError::Docs { path }) }
}
