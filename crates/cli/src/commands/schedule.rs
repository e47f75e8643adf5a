//! `schedule`: jobs at their times in the foreground, and `schedule export`: their times for another scheduler.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::SecondsFormat;
use quotient_jobs::{Attempt, Ended, JobError, News, Notice, ScheduleExport, ScheduleForm, Timetable, Watched, Worker, Workspace, tell_failure, watch};

use crate::args::PROJECT;
use crate::complaint::complaint;
use crate::data_out::DataOut;
use crate::error::CliError;
use crate::session::Session;
use crate::talk::LogForm;

mod clock;
mod running;

use clock::SystemClock;
use running::Running;

/// Runs jobs at their due instants until the program is told to stop.
///
/// # Errors
/// A project or a job file that is not as it should be, a job without a schedule, results that cannot be read.
pub(crate) fn run(jobs: &[PathBuf], session: &Session) -> Result<(), CliError> {
    let workspace = session.open()?;
    let watched = jobs.iter().map(|file| watched(file, &workspace)).collect::<Result<Vec<Watched>, CliError>>()?;
    let running = Running::default();
    let clock = SystemClock::start(session.talk, running.clone()).map_err(|source| CliError::Signals { source })?;
    let ended = watch(&watched, &clock, &mut Runner { files: jobs, session, running });
    session.talk.say(match ended {
        Ended::Stopped => "stopped",
        Ended::NothingDue => "no job will ever be due again",
    });
    Ok(())
}

/// Prints the schedule of a job for another scheduler.
///
/// # Errors
/// A project or a job file that is not as it should be, a job without a schedule, a schedule that the other scheduler cannot say.
pub(crate) fn export(file: &Path, form: ScheduleForm, session: &Session, out: &mut DataOut<'_>) -> Result<(), CliError> {
    let workspace = session.open()?;
    let job = workspace.job(file).map_err(CliError::job)?;
    let cron = job.schedule.clone().ok_or_else(|| CliError::NoSchedule { job: job.name.clone() })?;
    let here = match form {
        ScheduleForm::Cron | ScheduleForm::Systemd => std::env::current_dir().ok().map(|folder| folder.display().to_string()),
        ScheduleForm::Kubernetes | ScheduleForm::Airflow => None,
    };
    let export = ScheduleExport {
        name: job.name,
        cron,
        time_zone: workspace.project.calendar.zone.name().to_owned(),
        command: command(file, session),
        directory: here,
        timeout: job.policy.timeout,
        retries: job.policy.retries,
        catch_up: job.policy.catch_up,
    };
    out.write(export.text(form).map_err(CliError::Schedule)?)
}

/// The call that runs a job as this call would.
fn command(file: &Path, session: &Session) -> Vec<String> {
    let mut words = vec!["quotient".to_owned(), "run".to_owned(), file.display().to_string()];
    if session.project != Path::new(PROJECT) {
        words.extend(["--project".to_owned(), session.project.display().to_string()]);
    }
    for (name, value) in &session.vars {
        words.extend(["--var".to_owned(), format!("{name}={value}")]);
    }
    words
}

fn watched(file: &Path, workspace: &Workspace) -> Result<Watched, CliError> {
    let job = workspace.job(file).map_err(CliError::job)?;
    let timetable = job.schedule.as_deref().and_then(|line| Timetable::new(line, workspace.project.calendar.zone));
    let timetable = timetable.ok_or_else(|| CliError::NoSchedule { job: job.name.clone() })?;
    let last_run = workspace.last_run(&job).map_err(CliError::job)?;
    Ok(Watched { name: job.name, timetable, policy: job.policy, last_run })
}

/// Runs what is due, each in a process of its own, and tells what became of it.
struct Runner<'a> {
    files: &'a [PathBuf],
    session: &'a Session,
    running: Running,
}

impl Worker for Runner<'_> {
    fn run(&mut self, attempt: &Attempt<'_>) -> Result<(), JobError> {
        let program = std::env::current_exe().map_err(JobError::Start)?;
        let mut words = command(&self.files[attempt.index], self.session);
        words.extend(["--as-of".to_owned(), attempt.as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true), "--return-failure".to_owned(), "--no-progress".to_owned()]);
        if self.session.talk.form == LogForm::Json {
            words.extend(["--log-format".to_owned(), "json".to_owned()]);
        }
        // A process of its own, in a group of its own: a signal to this one lets it finish, and its time-out ends it alone.
        let mut command = Command::new(program);
        command.args(&words[1..]).env_clear().envs(&self.session.env).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
        let said = self.running.start(command).map_err(JobError::Start)?;
        let status = self.running.wait().map_err(JobError::Start)?;
        let said = said.join().unwrap_or_default();
        if status.success() { Ok(()) } else { Err(JobError::Ended { code: status.code(), said }) }
    }

    fn give_up(&mut self, attempt: &Attempt<'_>, error: &JobError) {
        let as_of = attempt.as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        self.session.talk.fail(&format!("job `{}`, as of {as_of}: {}", attempt.job.name, complaint(error)));
        let notice = Notice { job: &attempt.job.name, run_id: "", status: "failed", error: &error.to_string() };
        for untold in tell_failure(&attempt.job.policy.on_failure, &notice) {
            self.session.talk.fail(&complaint(&untold));
        }
    }

    fn tell(&mut self, news: &News<'_>) {
        self.session.talk.say(&news.to_string());
    }
}
