//! The loop in the foreground: waits for due instants, runs jobs one after the other, tries again what may pass.
//!
//! In: jobs with their timetables and policies, a clock, a worker that does the work. Out: why it ended.
//! It asks only the clock that it is given, and neither runs a job nor tells anybody itself.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use quotient_model::Policy;

use super::due::{ON_TIME, Timetable};
use crate::error::{ErrorClass, JobError};

mod news;

pub use news::News;

/// The clock of the loop.
pub trait Clock {
    /// What time it is.
    fn now(&self) -> DateTime<Utc>;
    /// Sleeps until an instant, or until the program is to stop; an instant that is past still lets a stop be seen.
    fn sleep_until(&self, instant: DateTime<Utc>) -> Wake;
}

/// Why a sleep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The instant has come.
    Time,
    /// The program is to stop.
    Stop,
}

/// A job that is watched.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Its name.
    pub name: String,
    /// When it is due.
    pub timetable: Timetable,
    /// How it is run.
    pub policy: Policy,
    /// The as-of of its last run that succeeded.
    pub last_run: Option<DateTime<Utc>>,
}

/// One attempt to run a job.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Which of the watched jobs it is, from 0.
    pub index: usize,
    /// The job.
    pub job: &'a Watched,
    /// The due instant, which the run takes for now.
    pub as_of: DateTime<Utc>,
    /// 1 for the first attempt.
    pub number: u32,
    /// When it has to be over.
    pub deadline: Option<DateTime<Utc>>,
}

/// Does what the loop decides.
pub trait Worker {
    /// Runs a job; the worker sees to it that it ends at the deadline.
    ///
    /// # Errors
    /// What kept the job from being done. Errors over input and output are tried again, as the policy says.
    fn run(&mut self, attempt: &Attempt<'_>) -> Result<(), JobError>;
    /// Tells whoever the policy names that the last attempt has failed.
    fn give_up(&mut self, attempt: &Attempt<'_>, error: &JobError);
    /// Tells whoever looks on what comes next.
    fn tell(&mut self, news: &News<'_>);
}

/// Why the loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// No job will ever be due.
    NothingDue,
}

/// Runs jobs at their due instants until the clock says stop.
///
/// A run takes its due instant for now. While one job runs or another is done, others wait; of several due instants that have passed, only the
/// last is run. A machine that slept has missed what was due, and each job's policy says whether that is made up for. A job whose attempts are
/// still open when the loop stops is given up.
pub fn watch(jobs: &[Watched], clock: &dyn Clock, worker: &mut dyn Worker) -> Ended {
    let now = clock.now();
    let mut steps: Vec<Option<Step>> = jobs.iter().map(|job| first_step(job, job.last_run, now)).collect();
    loop {
        let Some((at, index)) = earliest(&steps) else { return Ended::NothingDue };
        let before = clock.now();
        if at > before {
            worker.tell(&News::Waits { job: &jobs[index].name, until: at });
        }
        if clock.sleep_until(at) == Wake::Stop {
            for (index, step) in steps.iter().enumerate() {
                if let Some(Step { as_of, number, failed: Some(error), .. }) = step {
                    worker.give_up(&Attempt { index, job: &jobs[index], as_of: *as_of, number: number - 1, deadline: None }, error);
                }
            }
            return Ended::Stopped;
        }
        let now = clock.now();
        if at > before && now - at > ON_TIME {
            for (job, step) in jobs.iter().zip(&mut steps) {
                replan(job, step, now);
            }
        } else if let Some(step) = steps[index].take_if(|step| step.at <= now) {
            let attempt = attempt_of(index, &jobs[index], &step, now);
            steps[index] = perform(&attempt, clock, worker);
        }
    }
}

/// What a job waits for.
struct Step {
    at: DateTime<Utc>,
    as_of: DateTime<Utc>,
    number: u32,
    /// The error of the attempt before.
    failed: Option<JobError>,
}

/// The due instant that was missed, or else the next.
fn first_step(job: &Watched, last_run: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Option<Step> {
    let missed = job.timetable.missed(last_run, now, job.policy.catch_up);
    let at = missed.or_else(|| job.timetable.next_after(now))?;
    Some(Step { at, as_of: at, number: 1, failed: None })
}

/// The step that comes first; of those at one instant, the job that was named first.
fn earliest(steps: &[Option<Step>]) -> Option<(DateTime<Utc>, usize)> {
    steps.iter().enumerate().filter_map(|(index, step)| step.as_ref().map(|step| (step.at, index))).min()
}

/// What was due while the machine slept is missed; attempts that were to be made again still are.
fn replan(job: &Watched, step: &mut Option<Step>, now: DateTime<Utc>) {
    if let Some(due) = step.take_if(|step| step.at <= now && step.number == 1) {
        *step = first_step(job, Some(due.at - TimeDelta::microseconds(1)), now);
    }
}

fn attempt_of<'a>(index: usize, job: &'a Watched, step: &Step, now: DateTime<Utc>) -> Attempt<'a> {
    let latest = job.timetable.latest_at(now).filter(|latest| *latest > step.as_of && step.number == 1);
    let deadline = job.policy.timeout.map(|timeout| later(now, timeout));
    Attempt { index, job, as_of: latest.unwrap_or(step.as_of), number: step.number, deadline }
}

/// One attempt, and what the job waits for after it.
fn perform(attempt: &Attempt<'_>, clock: &dyn Clock, worker: &mut dyn Worker) -> Option<Step> {
    let done = worker.run(attempt);
    let now = clock.now();
    let retries = attempt.job.policy.retries;
    match done {
        Err(error) if may_pass(&error) && attempt.number <= retries.times => {
            let at = later(now, retries.wait);
            worker.tell(&News::TriesAgain { job: &attempt.job.name, at, error: &error });
            return Some(Step { at, as_of: attempt.as_of, number: attempt.number + 1, failed: Some(error) });
        }
        Err(error) => worker.give_up(attempt, &error),
        Ok(()) => {}
    }
    first_step(attempt.job, Some(attempt.as_of), now)
}

/// Whether an error may be gone in a while: stores come back, and files arrive; wrong projects and data stay wrong.
fn may_pass(error: &JobError) -> bool {
    match error.class() {
        ErrorClass::Input | ErrorClass::Output => true,
        ErrorClass::Findings | ErrorClass::Usage | ErrorClass::Project | ErrorClass::Internal => false,
    }
}

fn later(instant: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    TimeDelta::from_std(by).ok().and_then(|by| instant.checked_add_signed(by)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests;
