//! A job's schedule as the entry of another scheduler.
//!
//! In: what a job says of its schedule, and the command that runs it. Out: a text to install, or what that scheduler cannot say.
//! It reads and writes nothing. On the day of a clock change, each scheduler has its own rule.

use std::fmt;
use std::time::Duration;

use quotient_model::{CatchUp, Retries};

use super::{airflow, cron, kubernetes, systemd};

/// The schedulers that a job can be given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScheduleForm {
    /// A line of a crontab.
    Cron,
    /// A systemd service and its timer.
    Systemd,
    /// A Kubernetes `CronJob`.
    Kubernetes,
    /// An Airflow DAG.
    Airflow,
}

impl fmt::Display for ScheduleForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cron => "a crontab",
            Self::Systemd => "a systemd timer",
            Self::Kubernetes => "Kubernetes",
            Self::Airflow => "Airflow",
        })
    }
}

/// A schedule to be given to another scheduler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleExport {
    /// The job.
    pub name: String,
    /// Its cron line.
    pub cron: String,
    /// The IANA name of its time zone.
    pub time_zone: String,
    /// The program that runs it, and its arguments.
    pub command: Vec<String>,
    /// The folder that the command is run in, where it matters on this machine.
    pub directory: Option<String>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// Attempts after the first.
    pub retries: Retries,
    /// What is done about missed runs.
    pub catch_up: CatchUp,
}

/// Why a schedule cannot be given to another scheduler.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// What is no cron line.
    #[error("schedule `{line}` is no cron line")]
    Line {
        /// As written.
        line: String,
    },
    /// A field with signs that the other scheduler does not have.
    #[error("field `{field}` of the schedule is `{found}`, which {form} cannot say")]
    Field {
        /// The other scheduler.
        form: ScheduleForm,
        /// The field.
        field: &'static str,
        /// As written.
        found: String,
    },
    /// Two day fields of which one has a step over all days: crons read that in two ways.
    #[error(
        "the schedule has `{day}` as day of month and `{weekday}` as day of week, and {form} may want both where Quotient takes either\n\nhint: write the days of a step as a list"
    )]
    Days {
        /// The other scheduler.
        form: ScheduleForm,
        /// The days of the month, as written.
        day: String,
        /// The days of the week, as written.
        weekday: String,
    },
    /// A command that does not fit on a line.
    #[error("the command has {word:?}, and {form} has no line breaks within a command")]
    Word {
        /// The other scheduler.
        form: ScheduleForm,
        /// The word with the line break.
        word: String,
    },
}

/// What a scheduler waits longer than the job's own time-out.
const GRACE: Duration = Duration::from_mins(1);

impl ScheduleExport {
    /// The entry of another scheduler.
    ///
    /// # Errors
    /// What that scheduler cannot say.
    pub fn text(&self, form: ScheduleForm) -> Result<String, ScheduleError> {
        match form {
            ScheduleForm::Cron => cron::text(self),
            ScheduleForm::Systemd => systemd::text(self),
            ScheduleForm::Kubernetes => kubernetes::text(self),
            ScheduleForm::Airflow => airflow::text(self),
        }
    }

    /// How long a scheduler waits for an attempt: longer than the job's own time-out, which says why it ends.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.timeout.map(|timeout| timeout.saturating_add(GRACE))
    }

    /// The command for a scheduler that has no retries, with those of the job; each attempt keeps its own time-out.
    ///
    /// Only input that cannot be read (4) and output that cannot be written, or not in time (5), are tried again.
    pub(super) fn attempts(&self) -> Vec<String> {
        let Retries { times, wait } = self.retries;
        if times == 0 {
            return self.command.clone();
        }
        let script =
            format!("n=0; until \"$@\"; do code=$?; case $code in 4|5) ;; *) exit $code;; esac; [ $n -lt {times} ] || exit $code; n=$((n+1)); sleep {}; done", wait.as_secs());
        let looped = vec!["/bin/sh".to_owned(), "-c".to_owned(), script, "quotient-attempts".to_owned()];
        [looped, self.command.clone()].concat()
    }
}

#[cfg(test)]
impl ScheduleExport {
    /// A job that says everything.
    pub(super) fn nightly() -> Self {
        Self {
            name: "nightly".to_owned(),
            cron: "30 2 * * mon-fri".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            command: ["quotient", "run", "my kpis/nightly.yml"].map(str::to_owned).to_vec(),
            directory: Some("/srv/100% kpis".to_owned()),
            timeout: Some(Duration::from_hours(2)),
            retries: Retries { times: 2, wait: Duration::from_mins(5) },
            catch_up: CatchUp::One,
        }
    }

    /// A job that says nothing but when.
    pub(super) fn plain() -> Self {
        Self { cron: "0 2 * * *".to_owned(), directory: None, timeout: None, retries: Retries::default(), catch_up: CatchUp::Nothing, ..Self::nightly() }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, ScheduleError, ScheduleExport, ScheduleForm};

    #[test]
    fn attempts_keep_their_own_time_out() {
        let plain = ScheduleExport::plain();
        assert_eq!(plain.attempts(), plain.command);
        let limited = ScheduleExport { timeout: ScheduleExport::nightly().timeout, ..plain };
        assert_eq!(limited.attempts().join(" "), "quotient run my kpis/nightly.yml");
        assert_eq!(limited.patience(), Some(Duration::from_mins(121)));
        assert_eq!(
            ScheduleExport::nightly().attempts()[2],
            "n=0; until \"$@\"; do code=$?; case $code in 4|5) ;; *) exit $code;; esac; [ $n -lt 2 ] || exit $code; n=$((n+1)); sleep 300; done"
        );
    }

    #[test]
    fn what_cannot_be_said_is_said() {
        let text = |form, cron: &str| ScheduleExport { cron: cron.to_owned(), ..ScheduleExport::plain() }.text(form).unwrap_err().to_string();
        assert_eq!(text(ScheduleForm::Cron, "0 2 15W * *"), "field `day of month` of the schedule is `15W`, which a crontab cannot say");
        assert_eq!(text(ScheduleForm::Systemd, "0 2 * * 5L"), "field `day of week` of the schedule is `5L`, which a systemd timer cannot say");
        assert_eq!(text(ScheduleForm::Airflow, "0 2 L * *"), "field `day of month` of the schedule is `L`, which Airflow cannot say");
        assert_eq!(text(ScheduleForm::Systemd, "daily"), "schedule `daily` is no cron line");
        let word = ScheduleError::Word { form: ScheduleForm::Cron, word: "a\nb".to_owned() };
        assert_eq!(word.to_string(), "the command has \"a\\nb\", and a crontab has no line breaks within a command");
    }
}
