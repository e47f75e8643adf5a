//! Arguments as typed: texts and flags, not yet checked against each other.
//!
//! The doc comments here are the help texts, the man page and the completions.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

/// The day after the last of the demo lake, unless another is asked for.
pub(crate) const DEMO_END: &str = "2026-01-01";
/// The project, unless another is named.
pub(crate) const PROJECT: &str = "jobs";

const EVERYWHERE: &str = "Global options";
const AFTER: &str = "\
Environment:
  QUOTIENT_PROJECT  the project, where --project is not given
  QUOTIENT_LAKE     folder or URL of the lake that the packaged project reads
  QUOTIENT_RESULTS  folder or URL that the packaged jobs write to

Exit status:
  0   done
  1   data findings over the limit
  2   wrong usage
  3   wrong project or job file
  4   input cannot be read, or is not as declared
  5   output cannot be written
  70  a fault of the program itself
  130 stopped by a second signal";

/// Sales KPIs from a lake of Parquet, as batch jobs.
#[derive(Debug, Parser)]
#[command(name = "quotient", version, max_term_width = 100, after_help = AFTER)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Folder of the project.
    #[arg(long, global = true, value_name = "DIR", env = "QUOTIENT_PROJECT", hide_env_values = true, default_value = PROJECT, value_hint = ValueHint::DirPath, help_heading = EVERYWHERE)]
    pub(crate) project: PathBuf,
    /// What to take for now: an instant (RFC 3339), or a date for its midnight in UTC [default: the clock].
    #[arg(long, global = true, value_name = "WHEN", help_heading = EVERYWHERE)]
    pub(crate) as_of: Option<String>,
    /// Set a var of the project; may be repeated.
    #[arg(long = "var", global = true, value_name = "NAME=VALUE", help_heading = EVERYWHERE)]
    pub(crate) vars: Vec<String>,
    /// Form of the data on stdout.
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t = FormatArg::Table, help_heading = EVERYWHERE)]
    pub(crate) format: FormatArg,
    /// Say nothing on stderr but errors.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) quiet: bool,
    /// Form of what is said on stderr.
    #[arg(long, global = true, value_name = "FORMAT", value_enum, default_value_t = LogFormatArg::Text, help_heading = EVERYWHERE)]
    pub(crate) log_format: LogFormatArg,
    /// Draw no progress bar.
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) no_progress: bool,
}

/// The forms of what is said on stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormatArg {
    /// Lines for people.
    Text,
    /// A JSON object a line; progress too.
    Json,
}

/// The forms of data on stdout.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FormatArg {
    /// Columns for a terminal.
    Table,
    /// JSON for programs.
    Json,
    /// CSV for spreadsheets; where a command has several tables, the first.
    Csv,
    /// Of `export`: a semantic manifest, as MetricFlow reads it.
    #[value(hide = true)]
    Metricflow,
    /// Of `export`: a semantic model of Apache Ossie, formerly OSI.
    #[value(hide = true)]
    Ossie,
    /// Of `schedule export`: a line of a crontab.
    #[value(hide = true)]
    Cron,
    /// Of `schedule export`: a systemd service and its timer.
    #[value(hide = true)]
    Systemd,
    /// Of `schedule export`: a Kubernetes `CronJob`.
    #[value(hide = true)]
    Kubernetes,
    /// Of `schedule export`: an Airflow DAG.
    #[value(hide = true)]
    Airflow,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write the packaged project into an empty folder.
    Init(InitArgs),
    /// Make a lake of a fictional company.
    Demo(DemoArgs),
    /// Check the project, and every source against the lake.
    Check,
    /// Print what a run of a job will do.
    Plan(JobArgs),
    /// Run a job: compute its tables and publish them.
    Run(RunArgs),
    /// Compute the cells of a stretch of days, chunk by chunk.
    Backfill(BackfillArgs),
    /// Print the runs of a job, and what they did.
    Runs(RunsArgs),
    /// Take away old versions of the result tables of a job.
    Vacuum(VacuumArgs),
    /// Run jobs at their times, or print their times for another scheduler.
    Schedule(ScheduleArgs),
    /// Run data tests, freshness and unit tests.
    Test(TestArgs),
    /// Compute metrics, and print them.
    Query(QueryArgs),
    /// Print the definition of a metric: formula, model, SQL.
    Explain(ExplainArgs),
    /// Print SQL that gives our number, for another engine over the files of the lake.
    Compile(CompileArgs),
    /// Write the dictionary of the metrics: kpis.md, and kpis.html with a search.
    Docs(DocsArgs),
    /// Print the definitions in another tool's form: --format metricflow or ossie.
    Export(ExportArgs),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
    /// Print a man page.
    Man(ManArgs),
}

/// `init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Where to write it [default: the folder of --project].
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
}

/// `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Folder of the lake; it may not have these tables yet.
    #[arg(long, value_name = "DIR", default_value = "data", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// Size: 1 is about a million order lines over two years.
    #[arg(long, value_name = "FACTOR", default_value_t = 0.02, allow_negative_numbers = true)]
    pub(crate) scale: f64,
    /// Another seed, another company.
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    pub(crate) seed: u64,
    /// First day of the lake.
    #[arg(long, value_name = "DATE", default_value = "2024-01-01")]
    pub(crate) from: String,
    /// Day after the last.
    #[arg(long, value_name = "DATE", default_value = DEMO_END)]
    pub(crate) to: String,
}

/// `plan`, and `schedule export`.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    /// The job file.
    #[arg(value_name = "JOB", value_hint = ValueHint::FilePath)]
    pub(crate) job: PathBuf,
}

/// `backfill`.
#[derive(Debug, Args)]
pub(crate) struct BackfillArgs {
    /// The job file.
    #[arg(value_name = "JOB", value_hint = ValueHint::FilePath)]
    pub(crate) job: PathBuf,
    /// The first day.
    #[arg(long, value_name = "DATE")]
    pub(crate) from: String,
    /// The last day.
    #[arg(long, value_name = "DATE")]
    pub(crate) to: String,
    /// One chunk for each of these: day, week, month, quarter or year.
    #[arg(long, value_name = "GRAIN", default_value = "month")]
    pub(crate) chunk: String,
    /// Only tables that have one of these metrics.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) metrics: Vec<String>,
    /// Only these tables.
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(crate) tables: Vec<String>,
    /// Compute so many chunks at once; they are published one after the other.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub(crate) jobs: NonZeroUsize,
    /// No more chunks at once than fit into so much memory, such as 8GiB, by the files that they read.
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<String>,
    /// Begin with the newest chunk.
    #[arg(long)]
    pub(crate) newest_first: bool,
    /// Compute cells that are there and right, too.
    #[arg(long)]
    pub(crate) force: bool,
    /// Print the chunks, and compute nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `runs`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct RunsArgs {
    /// The job file.
    #[arg(value_name = "JOB", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) job: Option<PathBuf>,
    /// Print the days that no run has computed, instead of the runs.
    #[arg(long)]
    pub(crate) gaps: bool,
    #[command(subcommand)]
    pub(crate) action: Option<RunsCommand>,
}

/// What `runs` does beside listing.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// Print one run: why it computed, what it read and wrote.
    Show(ShowArgs),
    /// Print what differs in `kpi_values` between two runs.
    Diff(DiffArgs),
}

/// `runs show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The job file.
    #[arg(value_name = "JOB", value_hint = ValueHint::FilePath)]
    pub(crate) job: PathBuf,
    /// The run, by its id or the beginning of it.
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
}

/// `runs diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The job file.
    #[arg(value_name = "JOB", value_hint = ValueHint::FilePath)]
    pub(crate) job: PathBuf,
    /// The first run.
    #[arg(value_name = "RUN")]
    pub(crate) first: String,
    /// The second run.
    #[arg(value_name = "RUN")]
    pub(crate) second: String,
}

/// `vacuum`.
#[derive(Debug, Args)]
pub(crate) struct VacuumArgs {
    /// The job file.
    #[arg(value_name = "JOB", value_hint = ValueHint::FilePath)]
    pub(crate) job: PathBuf,
    /// Versions of so many days stay readable: 1 to 90.
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=90))]
    pub(crate) keep_days: u32,
}

/// `schedule`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct ScheduleArgs {
    /// The job files.
    #[arg(value_name = "JOB", required = true, value_hint = ValueHint::FilePath)]
    pub(crate) jobs: Vec<PathBuf>,
    #[command(subcommand)]
    pub(crate) action: Option<ScheduleCommand>,
}

/// What `schedule` does beside running jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Print the schedule of a job for another scheduler: --format cron, systemd, kubernetes or airflow.
    Export(JobArgs),
}

/// `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The job file.
    #[arg(value_name = "JOB", value_hint = ValueHint::FilePath)]
    pub(crate) job: PathBuf,
    /// Leave it to the caller to tell those whom `on_failure` names.
    #[arg(long, hide = true)]
    pub(crate) return_failure: bool,
}

/// `test`.
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Tests to run, by their names or those of tables and models [default: all].
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(crate) select: Vec<String>,
}

/// `query`: the options of `mf query`.
#[derive(Debug, Args)]
pub(crate) struct QueryArgs {
    /// Metrics to compute.
    #[arg(long, value_name = "A,B", value_delimiter = ',', required_unless_present = "saved_query")]
    pub(crate) metrics: Vec<String>,
    /// What to group by: `metric_time__month`, `rep__team`.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub(crate) group_by: Vec<String>,
    /// Answer a saved query: its metrics, group-bys, conditions, order and limit.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["metrics", "group_by"])]
    pub(crate) saved_query: Option<String>,
    /// A condition, such as "{{ Dimension('`rep__team`') }} = 'North'"; may be repeated.
    #[arg(long = "where", value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// First day, inclusive.
    #[arg(long, value_name = "DATE")]
    pub(crate) start_time: Option<String>,
    /// Last day, inclusive.
    #[arg(long, value_name = "DATE")]
    pub(crate) end_time: Option<String>,
    /// Columns to sort by, a minus before those from high to low [default: those of --group-by].
    #[arg(long, value_name = "A,-B", value_delimiter = ',', allow_hyphen_values = true)]
    pub(crate) order: Vec<String>,
    /// Print at most this many rows.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Write the rows to a file as CSV, and print none.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) csv: Option<PathBuf>,
    /// Print the SQL of the models behind the metrics, and compute nothing.
    #[arg(long, conflicts_with = "csv")]
    pub(crate) explain: bool,
}

/// `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The metric.
    #[arg(value_name = "METRIC")]
    pub(crate) metric: String,
}

/// `compile`: the dialect, and the options of `query`.
#[derive(Debug, Args)]
pub(crate) struct CompileArgs {
    /// Metrics to compute.
    #[arg(value_name = "METRIC", required = true)]
    pub(crate) metrics: Vec<String>,
    /// The engine that is to run it.
    #[arg(long, value_name = "DIALECT", value_enum)]
    pub(crate) dialect: DialectArg,
    /// What to group by: `metric_time__month`, `rep__team`.
    #[arg(long, value_name = "X,Y", value_delimiter = ',')]
    pub(crate) group_by: Vec<String>,
    /// A condition, such as "{{ Dimension('`rep__team`') }} = 'North'"; may be repeated.
    #[arg(long = "where", value_name = "FILTER")]
    pub(crate) filters: Vec<String>,
    /// First day, inclusive.
    #[arg(long, value_name = "DATE")]
    pub(crate) start_time: Option<String>,
    /// Last day, inclusive.
    #[arg(long, value_name = "DATE")]
    pub(crate) end_time: Option<String>,
}

/// The engines that SQL is compiled for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DialectArg {
    /// DuckDB.
    #[value(name = "duckdb")]
    DuckDb,
    /// Apache Spark, with the session time zone UTC.
    Spark,
}

/// `docs`.
#[derive(Debug, Args)]
pub(crate) struct DocsArgs {
    /// Folder to write to.
    #[arg(long, value_name = "DIR", default_value = "docs", value_hint = ValueHint::DirPath)]
    pub(crate) out: PathBuf,
    /// Write nothing; fail where kpis.md is not what would be written.
    #[arg(long)]
    pub(crate) check: bool,
}

/// `export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Write to a file instead of stdout.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) out: Option<PathBuf>,
}

/// `completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// `man`.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// A command [default: the page of all].
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
