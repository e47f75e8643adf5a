//! Arguments that parse, and still cannot be meant.

use chrono::NaiveDate;
use thiserror::Error;

/// What is wrong with an argument.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum UsageError {
    /// Neither an instant nor a date.
    #[error("`{option}` is `{found}`, expected an instant or a date\n\nhint: write an instant as `2026-01-31T06:00:00Z`, or a date as `2026-01-31`")]
    Moment { option: &'static str, found: String },
    /// Not a date.
    #[error("`{option}` is `{found}`, expected a date\n\nhint: write a date as `2026-01-31`")]
    Date { option: &'static str, found: String },
    /// A var without a name or without a value.
    #[error("`--var` is `{found}`, expected `name=value`")]
    Var { found: String },
    /// A var that is set twice.
    #[error("`--var` sets `{name}` twice, expected each var once")]
    VarTwice { name: String },
    /// The var that has an option of its own.
    #[error("`--var` sets `as_of`, expected another var\n\nhint: `--as-of` sets it")]
    VarAsOf,
    /// A list that names nothing, or has a gap.
    #[error("`{option}` has an empty name, expected names with commas between them")]
    EmptyName { option: &'static str },
    /// A range that ends before it starts.
    #[error("`--start-time` is {start}, expected a day no later than `--end-time`, which is {end}")]
    Range { start: NaiveDate, end: NaiveDate },
    /// A backfill that ends before it starts.
    #[error("`--from` is {from}, expected a day no later than `--to`, which is {to}")]
    BackfillRange { from: NaiveDate, to: NaiveDate },
    /// A chunk that is no period.
    #[error("`--chunk` is `{found}`, expected day, week, month, quarter or year{}", .nearest.as_ref().map_or(String::new(), |near| format!("\n\nhint: did you mean `{near}`?")))]
    Chunk { found: String, nearest: Option<String> },
    /// A size that is none.
    #[error("`--memory` is `{found}`, expected a number of bytes above 0\n\nhint: write a size as `8GiB`, `512MiB`, or in bytes")]
    Memory { found: String },
    /// A form of `export`, asked of another command.
    #[error("`--format` is `{found}`, expected `table`, `json` or `csv`\n\nhint: `{found}` is a form of `quotient {command}`")]
    FormatOfExport { found: &'static str, command: &'static str },
    /// A form that schedules do not have.
    #[error("`--format` is `{found}`, expected `cron`, `systemd`, `kubernetes` or `airflow`")]
    ScheduleFormat { found: &'static str },
    /// An instant for what runs at many.
    #[error("`quotient schedule` takes no `--as-of`: a run takes its due instant for now\n\nhint: `quotient run` takes it")]
    AsOfOfSchedule,
    /// A form that definitions do not have.
    #[error("`--format` is `{found}`, expected `metricflow` or `ossie`")]
    ExportFormat { found: &'static str },
    /// A man page of no command.
    #[error("unknown command `{name}`{}", .nearest.as_ref().map_or(String::new(), |near| format!("\n\nhint: did you mean `{near}`?")))]
    Command { name: String, nearest: Option<String> },
}
