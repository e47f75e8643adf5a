//! `man`: the man page of the binary, or of one command.

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use quotient_model::nearest;

use crate::args::Cli;
use crate::data_out::DataOut;
use crate::error::CliError;
use crate::usage::UsageError;

/// Prints the page as roff.
///
/// # Errors
/// [`UsageError::Command`], [`CliError::Stdout`].
pub(crate) fn run(command: Option<&str>, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let mut root = Cli::command();
    root.build();
    let page = match command {
        None => root,
        Some(name) => root.find_subcommand(name).cloned().ok_or_else(|| CliError::Usage(unknown(&root, name)))?,
    };
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(|source| CliError::Stdout { source })?;
    out.write(text)
}

fn unknown(root: &Command, name: &str) -> UsageError {
    UsageError::Command { name: name.to_owned(), nearest: nearest(name, root.get_subcommands().map(Command::get_name)).map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::data_out::DataOut;

    fn page(command: Option<&str>) -> String {
        let mut sink = Vec::new();
        run(command, &mut DataOut::new(&mut sink)).unwrap();
        String::from_utf8(sink).unwrap()
    }

    #[test]
    fn each_command_has_a_page() {
        assert!(page(None).contains("quotient\\-run"));
        assert!(page(Some("query")).contains("group\\-by"));
    }

    #[test]
    fn an_unknown_command_is_told_its_nearest() {
        let mut sink = Vec::new();
        let error = run(Some("qery"), &mut DataOut::new(&mut sink)).unwrap_err();
        assert_eq!(error.to_string(), "unknown command `qery`\n\nhint: did you mean `query`?");
    }
}
