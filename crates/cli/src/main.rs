//! The `quotient` binary: arguments, environment and clock in; data on stdout, talk on stderr, an exit code out.
//!
//! It computes nothing itself: every command is a call into `quotient_jobs`.

mod args;
mod commands;
mod complaint;
mod data_out;
mod error;
mod exit;
mod listing;
mod packaged;
mod progress;
mod resolve;
mod session;
mod talk;
mod usage;

use std::io::{IsTerminal as _, Write as _};
use std::panic;
use std::process::ExitCode;

use chrono::{SubsecRound as _, Utc};
use clap::Parser as _;

use crate::args::Cli;
use crate::data_out::DataOut;
use crate::error::CliError;
use crate::resolve::{Surroundings, Task, log_form, resolve};
use crate::session::Session;
use crate::talk::{Level, Talk};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let code = panic::catch_unwind(program).unwrap_or_else(|_| {
        tell("error: the program stopped at a fault of its own\n\nhint: please report the lines above\n");
        exit::INTERNAL
    });
    ExitCode::from(code)
}

/// One call of the binary, from arguments to exit code.
fn program() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that has gone away needs no help text.
            let _ = error.print();
            return if error.use_stderr() { exit::USAGE } else { exit::DONE };
        }
    };
    #[expect(clippy::disallowed_methods, reason = "the only place that asks what time it is")]
    let now = Utc::now().trunc_subsecs(0);
    let around = Surroundings { now, env: environment(), has_terminal: std::io::stderr().is_terminal() };
    let mut stdout = std::io::stdout();
    let mut out = DataOut::new(&mut stdout);
    let talk = Talk { level: Level::Open, form: log_form(cli.global.log_format) };
    let done = resolve(cli, around).map_err(CliError::Usage).and_then(|(session, task)| perform(&task, &session, &mut out));
    match done {
        Ok(()) => exit::DONE,
        Err(error) => {
            talk.fail(&complaint::complaint(&error));
            exit::code(error.class())
        }
    }
}

fn perform(task: &Task, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    match task {
        Task::Init { directory } => commands::init::run(directory, session),
        Task::Demo(request) => commands::demo::run(request, session, out),
        Task::Check => commands::check::run(session, out),
        Task::Plan { job } => commands::plan::run(job, session, out),
        Task::Run { job, failure } => commands::run::run(job, *failure, session, out),
        Task::Backfill { job, request, dry_run: true } => commands::backfill::plan(job, request, session, out),
        Task::Backfill { job, request, dry_run: false } => commands::backfill::run(job, request, session, out),
        Task::Runs { job } => commands::runs::list(job, session, out),
        Task::Gaps { job } => commands::runs::gaps(job, session, out),
        Task::ShowRun { job, run } => commands::runs::show(job, run, session, out),
        Task::DiffRuns { job, first, second } => commands::runs::diff(job, first, second, session, out),
        Task::Vacuum { job, keep_days } => commands::vacuum::run(job, *keep_days, session, out),
        Task::Schedule { jobs } => commands::schedule::run(jobs, session),
        Task::ScheduleExport { job, form } => commands::schedule::export(job, *form, session, out),
        Task::Test(request) => commands::test::run(request, session, out),
        Task::Query(question) => commands::query::run(question, session, out),
        Task::Explain { metric } => commands::explain::run(metric, session, out),
        Task::Compile { request, dialect } => commands::compile::run(request, *dialect, session, out),
        Task::Docs { out: folder, check: true } => commands::docs::check(folder, session),
        Task::Docs { out: folder, check: false } => commands::docs::run(folder, session),
        Task::Export { format, out: file } => commands::export::run(*format, file.as_deref(), session, out),
        Task::Completions(shell) => commands::completions::run(*shell, out),
        Task::Man { command } => commands::man::run(command.as_deref(), out),
    }
}

/// The environment as text; a variable that is not Unicode cannot be named in a project, and is left out.
fn environment() -> std::collections::BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// A failure is told even with `--quiet`; where stderr is closed, the exit code has to do.
fn tell(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
