//! `completions`: what a shell needs to complete our commands and options.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::data_out::DataOut;
use crate::error::CliError;

/// Prints the completions of a shell.
///
/// # Errors
/// [`CliError::Stdout`].
pub(crate) fn run(shell: Shell, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "quotient", &mut text);
    out.write(text)
}
