//! `compile`: SQL that gives our number, for another engine. Whatever the format, stdout is the SQL alone.

use quotient_jobs::{Dialect, QueryRequest};

use crate::data_out::DataOut;
use crate::error::CliError;
use crate::session::Session;

/// Prints the statement.
///
/// # Errors
/// A project with faults, a name that it does not have, a definition that cannot be compiled.
pub(crate) fn run(request: &QueryRequest, dialect: Dialect, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let sql = session.open()?.compile(request, dialect).map_err(CliError::job)?;
    out.write(sql)
}
