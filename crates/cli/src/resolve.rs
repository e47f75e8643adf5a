//! From arguments as typed to what they mean: dates, defaults, the clock's time where none is given.
//!
//! In: the arguments and the surroundings of the process. Out: a session and a task, or what is wrong with an argument.
//! It opens no file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap_complete::Shell;
use quotient_jobs::{Again, AtOnce, BackfillRequest, ChunkOrder, DemoRequest, Dialect, ExportFormat, Format, QueryRequest, ScheduleForm, TestRequest};

use quotient_model::{Grain, nearest};

use crate::args::{BackfillArgs, Cli, Command, CompileArgs, DemoArgs, DialectArg, FormatArg, LogFormatArg, QueryArgs, RunsArgs, RunsCommand, ScheduleArgs, ScheduleCommand};
use crate::commands::run::Failure;
use crate::session::{AsOf, Session};
use crate::talk::{Level, LogForm, Talk};
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
    Run { job: PathBuf, failure: Failure },
    /// Backfill a job, or print the chunks that would be.
    Backfill { job: PathBuf, request: BackfillRequest, dry_run: bool },
    /// Print the runs of a job.
    Runs { job: PathBuf },
    /// Print the days of a job that no run has computed.
    Gaps { job: PathBuf },
    /// Print one run.
    ShowRun { job: PathBuf, run: String },
    /// Print what differs between two runs.
    DiffRuns { job: PathBuf, first: String, second: String },
    /// Take away old versions of a job's tables.
    Vacuum { job: PathBuf, keep_days: u32 },
    /// Run jobs at their times.
    Schedule { jobs: Vec<PathBuf> },
    /// Print the schedule of a job for another scheduler.
    ScheduleExport { job: PathBuf, form: ScheduleForm },
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
    let logged = log_form(global.log_format);
    let session = Session {
        project: global.project,
        as_of,
        now: around.now,
        as_of_is: if global.as_of.is_some() { AsOf::Given } else { AsOf::Clock },
        vars: vars(global.vars)?,
        env: around.env,
        format: match global.format {
            FormatArg::Json => Format::Json,
            FormatArg::Csv => Format::Csv,
            _ => Format::Table,
        },
        talk: Talk { level: if global.quiet { Level::Quiet } else { Level::Open }, form: logged },
        shows_progress: (around.has_terminal || logged == LogForm::Json) && !global.quiet && !global.no_progress,
    };
    let is_known = match global.format {
        FormatArg::Metricflow | FormatArg::Ossie => matches!(cli.command, Command::Export(_)),
        FormatArg::Cron | FormatArg::Systemd | FormatArg::Kubernetes | FormatArg::Airflow => {
            matches!(&cli.command, Command::Schedule(ScheduleArgs { action: Some(_), .. }))
        }
        FormatArg::Table | FormatArg::Json | FormatArg::Csv => true,
    };
    if !is_known {
        return Err(UsageError::FormatOfExport { found: form(global.format), command: command_of(global.format) });
    }
    if global.as_of.is_some() && matches!(cli.command, Command::Schedule(ScheduleArgs { action: None, .. })) {
        return Err(UsageError::AsOfOfSchedule);
    }
    let task = match cli.command {
        Command::Init(args) => Task::Init { directory: args.directory.unwrap_or_else(|| session.project.clone()) },
        Command::Demo(args) => Task::Demo(demo(args)?),
        Command::Check => Task::Check,
        Command::Plan(args) => Task::Plan { job: args.job },
        Command::Run(args) => Task::Run { job: args.job, failure: if args.return_failure { Failure::Returned } else { Failure::Told } },
        Command::Backfill(args) => Task::Backfill { job: args.job.clone(), dry_run: args.dry_run, request: backfill(&args)? },
        Command::Runs(RunsArgs { action: Some(RunsCommand::Show(args)), .. }) => Task::ShowRun { job: args.job, run: args.run },
        Command::Runs(RunsArgs { action: Some(RunsCommand::Diff(args)), .. }) => Task::DiffRuns { job: args.job, first: args.first, second: args.second },
        Command::Runs(RunsArgs { job, gaps: true, .. }) => Task::Gaps { job: job.unwrap_or_default() },
        Command::Runs(RunsArgs { job, .. }) => Task::Runs { job: job.unwrap_or_default() },
        Command::Vacuum(args) => Task::Vacuum { job: args.job, keep_days: args.keep_days },
        Command::Schedule(ScheduleArgs { action: Some(ScheduleCommand::Export(args)), .. }) => Task::ScheduleExport { job: args.job, form: schedule_form(global.format)? },
        Command::Schedule(args) => Task::Schedule { jobs: args.jobs },
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

fn backfill(args: &BackfillArgs) -> Result<BackfillRequest, UsageError> {
    let (from, to) = (date("--from", &args.from)?, date("--to", &args.to)?);
    if from > to {
        return Err(UsageError::BackfillRange { from, to });
    }
    let chunk = Grain::STANDARD
        .into_iter()
        .find(|grain| grain.name() == args.chunk)
        .ok_or_else(|| UsageError::Chunk { nearest: nearest(&args.chunk, Grain::STANDARD.map(Grain::name)).map(str::to_owned), found: args.chunk.clone() })?;
    Ok(BackfillRequest {
        from,
        to,
        chunk,
        tables: names("--tables", &args.tables)?,
        metrics: names("--metrics", &args.metrics)?,
        order: if args.newest_first { ChunkOrder::NewestFirst } else { ChunkOrder::OldestFirst },
        again: if args.force { Again::Force } else { Again::Keep },
        at_once: AtOnce { jobs: args.jobs, memory: args.memory.as_deref().map(memory).transpose()? },
    })
}

/// Bytes, with a unit of powers of two where it has one.
fn memory(text: &str) -> Result<u64, UsageError> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0,
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|bytes| *bytes > 0);
    bytes.ok_or_else(|| UsageError::Memory { found: text.to_owned() })
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
        other => Err(UsageError::ExportFormat { found: form(other) }),
    }
}

/// How the program talks, which is known before anything can go wrong.
pub(crate) fn log_form(format: LogFormatArg) -> LogForm {
    match format {
        LogFormatArg::Text => LogForm::Text,
        LogFormatArg::Json => LogForm::Json,
    }
}

fn command_of(format: FormatArg) -> &'static str {
    match format {
        FormatArg::Cron | FormatArg::Systemd | FormatArg::Kubernetes | FormatArg::Airflow => "schedule export",
        _ => "export",
    }
}

fn schedule_form(format: FormatArg) -> Result<ScheduleForm, UsageError> {
    match format {
        FormatArg::Cron => Ok(ScheduleForm::Cron),
        FormatArg::Systemd => Ok(ScheduleForm::Systemd),
        FormatArg::Kubernetes => Ok(ScheduleForm::Kubernetes),
        FormatArg::Airflow => Ok(ScheduleForm::Airflow),
        other => Err(UsageError::ScheduleFormat { found: form(other) }),
    }
}

fn form(format: FormatArg) -> &'static str {
    match format {
        FormatArg::Table => "table",
        FormatArg::Json => "json",
        FormatArg::Csv => "csv",
        FormatArg::Metricflow => "metricflow",
        FormatArg::Ossie => "ossie",
        FormatArg::Cron => "cron",
        FormatArg::Systemd => "systemd",
        FormatArg::Kubernetes => "kubernetes",
        FormatArg::Airflow => "airflow",
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
