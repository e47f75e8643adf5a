//! From arguments as typed to what they mean: dates, defaults, the clock's time where none is given.
//!
//! In: the arguments and the surroundings of the process. Out: a session and a task, or what is wrong with an argument.
//! It opens no file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap_complete::Shell;
use quotient_jobs::{DemoRequest, Dialect, ExportFormat, Format, QueryRequest, TestRequest};

use crate::args::{Cli, Command, CompileArgs, DemoArgs, DialectArg, FormatArg, QueryArgs};
use crate::session::Session;
use crate::talk::Talk;
use crate::usage::UsageError;

/// What the process is surrounded by, read once. Without `Debug`: the environment may hold credentials.
pub(crate) struct Surroundings {
    /// The clock's time.
    pub(crate) now: DateTime<Utc>,
    /// The environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Whether somebody looks at stderr.
    pub(crate) has_terminal: bool,
}

/// What to do.
pub(crate) enum Task {
    /// Write the packaged project.
    Init { directory: PathBuf },
    /// Make a demo lake.
    Demo(DemoRequest),
    /// Check project and sources.
    Check,
    /// Print the plan of a job.
    Plan { job: PathBuf },
    /// Run a job.
    Run { job: PathBuf },
    /// Run tests.
    Test(TestRequest),
    /// Compute metrics.
    Query(Question),
    /// Print a definition.
    Explain { metric: String },
    /// Print SQL for another engine.
    Compile { request: QueryRequest, dialect: Dialect },
    /// Write the dictionary of the metrics, or compare it with what is there.
    Docs { out: PathBuf, check: bool },
    /// Print definitions in another tool's form, on stdout or in a file.
    Export { format: ExportFormat, out: Option<PathBuf> },
    /// Print completions.
    Completions(Shell),
    /// Print a man page, of everything or of one command.
    Man { command: Option<String> },
}

/// A query, and where its answer goes.
pub(crate) struct Question {
    /// What to compute; beside a saved query, what is asked in addition.
    pub(crate) request: QueryRequest,
    /// The saved query to answer.
    pub(crate) saved: Option<String>,
    /// What to give back.
    pub(crate) answer: Answer,
}

/// Where the answer of a query goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Rows on stdout.
    Rows,
    /// Rows in a CSV file.
    Csv(PathBuf),
    /// The SQL of the models on stdout, and no rows.
    Sql,
}

/// What the arguments mean.
///
/// # Errors
/// The first argument that cannot be meant.
pub(crate) fn resolve(cli: Cli, around: Surroundings) -> Result<(Session, Task), UsageError> {
    let global = cli.global;
    let as_of = match &global.as_of {
        Some(text) => moment("--as-of", text)?,
        None => around.now,
    };
    let session = Session {
        project: global.project,
        as_of,
        vars: vars(global.vars)?,
        env: around.env,
        format: match global.format {
            FormatArg::Table | FormatArg::Metricflow | FormatArg::Ossie => Format::Table,
            FormatArg::Json => Format::Json,
            FormatArg::Csv => Format::Csv,
        },
        talk: if global.quiet { Talk::Quiet } else { Talk::Open },
        shows_progress: around.has_terminal && !global.quiet && !global.no_progress,
    };
    if matches!(global.format, FormatArg::Metricflow | FormatArg::Ossie) && !matches!(cli.command, Command::Export(_)) {
        return Err(UsageError::FormatOfExport { found: form(global.format) });
    }
    let task = match cli.command {
        Command::Init(args) => Task::Init { directory: args.directory.unwrap_or_else(|| session.project.clone()) },
        Command::Demo(args) => Task::Demo(demo(args)?),
        Command::Check => Task::Check,
        Command::Plan(args) => Task::Plan { job: args.job },
        Command::Run(args) => Task::Run { job: args.job },
        Command::Test(args) => Task::Test(TestRequest { select: names("--select", &args.select)? }),
        Command::Query(args) => Task::Query(question(args)?),
        Command::Explain(args) => Task::Explain { metric: args.metric },
        Command::Compile(args) => compiled(args)?,
        Command::Docs(args) => Task::Docs { out: args.out, check: args.check },
        Command::Export(args) => Task::Export { format: export_format(global.format)?, out: args.out },
        Command::Completions(args) => Task::Completions(args.shell),
        Command::Man(args) => Task::Man { command: args.command },
    };
    Ok((session, task))
}

fn demo(args: DemoArgs) -> Result<DemoRequest, UsageError> {
    Ok(DemoRequest { directory: args.out, scale: args.scale, seed: args.seed, from: date("--from", &args.from)?, to: date("--to", &args.to)? })
}

fn question(args: QueryArgs) -> Result<Question, UsageError> {
    let (start, end) = range(args.start_time, args.end_time)?;
    let request = QueryRequest {
        metrics: names("--metrics", &args.metrics)?,
        group_by: names("--group-by", &args.group_by)?,
        filters: args.filters,
        start,
        end,
        order: names("--order", &args.order)?,
        limit: args.limit,
    };
    let answer = match args.csv {
        Some(file) => Answer::Csv(file),
        None if args.explain => Answer::Sql,
        None => Answer::Rows,
    };
    Ok(Question { request, saved: args.saved_query, answer })
}

fn export_format(format: FormatArg) -> Result<ExportFormat, UsageError> {
    match format {
        FormatArg::Metricflow => Ok(ExportFormat::Metricflow),
        FormatArg::Ossie => Ok(ExportFormat::Ossie),
        FormatArg::Table | FormatArg::Json | FormatArg::Csv => Err(UsageError::ExportFormat { found: form(format) }),
    }
}

fn form(format: FormatArg) -> &'static str {
    match format {
        FormatArg::Table => "table",
        FormatArg::Json => "json",
        FormatArg::Csv => "csv",
        FormatArg::Metricflow => "metricflow",
        FormatArg::Ossie => "ossie",
    }
}

fn compiled(args: CompileArgs) -> Result<Task, UsageError> {
    let (start, end) = range(args.start_time, args.end_time)?;
    let (metrics, group_by) = (names("METRIC", &args.metrics)?, names("--group-by", &args.group_by)?);
    let dialect = match args.dialect {
        DialectArg::DuckDb => Dialect::DuckDb,
        DialectArg::Spark => Dialect::Spark,
    };
    Ok(Task::Compile { request: QueryRequest { metrics, group_by, filters: args.filters, start, end, ..QueryRequest::default() }, dialect })
}

/// The first and the last day, in this order.
fn range(start: Option<String>, end: Option<String>) -> Result<(Option<NaiveDate>, Option<NaiveDate>), UsageError> {
    let start = start.map(|text| date("--start-time", &text)).transpose()?;
    let end = end.map(|text| date("--end-time", &text)).transpose()?;
    match (start, end) {
        (Some(start), Some(end)) if start > end => Err(UsageError::Range { start, end }),
        range => Ok(range),
    }
}

fn names(option: &'static str, typed: &[String]) -> Result<Vec<String>, UsageError> {
    let trimmed = typed.iter().map(|name| name.trim().to_owned());
    trimmed.map(|name| if name.is_empty() { Err(UsageError::EmptyName { option }) } else { Ok(name) }).collect()
}

fn vars(typed: Vec<String>) -> Result<BTreeMap<String, String>, UsageError> {
    let mut vars = BTreeMap::new();
    for found in typed {
        let (name, value) = match found.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => (name.trim().to_owned(), value.to_owned()),
            _ => return Err(UsageError::Var { found }),
        };
        if name == "as_of" {
            return Err(UsageError::VarAsOf);
        }
        if vars.contains_key(&name) {
            return Err(UsageError::VarTwice { name });
        }
        vars.insert(name, value);
    }
    Ok(vars)
}

/// An instant, or the midnight in UTC that a date starts with.
fn moment(option: &'static str, text: &str) -> Result<DateTime<Utc>, UsageError> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.with_timezone(&Utc));
    }
    match date(option, text) {
        Ok(day) => Ok(day.and_time(NaiveTime::MIN).and_utc()),
        Err(_) => Err(UsageError::Moment { option, found: text.to_owned() }),
    }
}

fn date(option: &'static str, text: &str) -> Result<NaiveDate, UsageError> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| UsageError::Date { option, found: text.to_owned() })
}

#[cfg(test)]
mod tests;
