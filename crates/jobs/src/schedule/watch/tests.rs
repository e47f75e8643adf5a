//! The loop under a clock that does as it is told.

use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use quotient_model::{CatchUp, Policy, Retries};

use super::{Attempt, Clock, Ended, News, Timetable, Wake, Watched, Worker, watch};
use crate::error::{JobError, Models};

fn at(text: &str) -> DateTime<Utc> {
    format!("2025-06-{text}:00Z").parse().unwrap()
}

fn short(instant: DateTime<Utc>) -> String {
    instant.format("%dT%H:%M").to_string()
}

/// A clock that moves when somebody sleeps or works, and says stop at an instant.
struct Hands {
    now: Cell<DateTime<Utc>>,
    stop: DateTime<Utc>,
    /// What the first sleep takes beyond what was asked.
    oversleeps: Cell<TimeDelta>,
}

impl Clock for Hands {
    fn now(&self) -> DateTime<Utc> {
        self.now.get()
    }

    fn sleep_until(&self, instant: DateTime<Utc>) -> Wake {
        if instant >= self.stop || self.now.get() >= self.stop {
            self.now.set(self.stop);
            return Wake::Stop;
        }
        if instant > self.now.get() {
            self.now.set(instant + self.oversleeps.replace(TimeDelta::zero()));
        }
        Wake::Time
    }
}

/// Notes what it is asked, and answers what it is given: how many minutes a run takes, and how it ends.
struct Diary<'a> {
    clock: &'a Hands,
    answers: VecDeque<(i64, Result<(), JobError>)>,
    notes: Vec<String>,
}

impl Worker for Diary<'_> {
    fn run(&mut self, attempt: &Attempt<'_>) -> Result<(), JobError> {
        let deadline = attempt.deadline.map(|deadline| format!(" until {}", short(deadline))).unwrap_or_default();
        self.notes.push(format!("{} run {} as of {}, attempt {}{deadline}", short(self.clock.now()), attempt.job.name, short(attempt.as_of), attempt.number));
        let (minutes, done) = self.answers.pop_front().unwrap_or((0, Ok(())));
        self.clock.now.set(self.clock.now() + TimeDelta::minutes(minutes));
        done
    }

    fn give_up(&mut self, attempt: &Attempt<'_>, error: &JobError) {
        self.notes.push(format!("{} give up {} after attempt {}: {error}", short(self.clock.now()), attempt.job.name, attempt.number));
    }

    fn tell(&mut self, news: &News<'_>) {
        if matches!(news, News::TriesAgain { .. }) {
            self.notes.push(news.to_string());
        }
    }
}

fn job(name: &str, line: &str) -> Watched {
    Watched { name: name.to_owned(), timetable: Timetable::new(line, Tz::UTC).unwrap(), policy: Policy::default(), last_run: None }
}

/// An error that may pass.
fn away() -> JobError {
    JobError::Results(quotient_ingest::IngestError::Location { location: "s3://kpis".to_owned(), message: "no answer".to_owned() })
}

/// What happens between two instants.
fn diary(jobs: &[Watched], from: &str, stop: &str, answers: Vec<(i64, Result<(), JobError>)>) -> Vec<String> {
    overslept(jobs, &Hands { now: Cell::new(at(from)), stop: at(stop), oversleeps: Cell::new(TimeDelta::zero()) }, answers)
}

fn overslept(jobs: &[Watched], clock: &Hands, answers: Vec<(i64, Result<(), JobError>)>) -> Vec<String> {
    let mut diary = Diary { clock, answers: answers.into(), notes: Vec::new() };
    assert_eq!(watch(jobs, clock, &mut diary), Ended::Stopped);
    diary.notes
}

#[test]
fn jobs_run_when_they_are_due_in_the_order_of_their_instants() {
    let jobs = [job("weekly", "0 3 * * mon"), job("nightly", "0 2 * * *"), job("again", "0 3 * * *")];
    assert_eq!(
        diary(&jobs, "01T12:00", "03T00:00", Vec::new()),
        ["02T02:00 run nightly as of 02T02:00, attempt 1", "02T03:00 run weekly as of 02T03:00, attempt 1", "02T03:00 run again as of 02T03:00, attempt 1",]
    );
}

#[test]
fn one_run_catches_up_after_a_gap() {
    let mut nightly = Watched { last_run: Some(at("01T02:00")), ..job("nightly", "0 2 * * *") };
    let caught_up = ["05T09:00 run nightly as of 05T02:00, attempt 1", "06T02:00 run nightly as of 06T02:00, attempt 1"];
    assert_eq!(diary(std::slice::from_ref(&nightly), "05T09:00", "06T12:00", Vec::new()), caught_up);
    nightly.policy.catch_up = CatchUp::Nothing;
    assert_eq!(diary(&[nightly], "05T09:00", "06T12:00", Vec::new()), caught_up[1..]);
}

#[test]
fn a_machine_that_slept_has_missed_what_was_due() {
    let clock = || Hands { now: Cell::new(at("01T12:00")), stop: at("05T03:00"), oversleeps: Cell::new(TimeDelta::hours(56)) };
    let mut nightly = job("nightly", "0 2 * * *");
    let caught_up = ["04T10:00 run nightly as of 04T02:00, attempt 1", "05T02:00 run nightly as of 05T02:00, attempt 1"];
    assert_eq!(overslept(std::slice::from_ref(&nightly), &clock(), Vec::new()), caught_up);
    nightly.policy.catch_up = CatchUp::Nothing;
    assert_eq!(overslept(&[nightly], &clock(), Vec::new()), caught_up[1..]);
}

#[test]
fn a_job_that_waits_for_another_runs_once_after_it() {
    let mut hourly = job("hourly", "0 * * * *");
    hourly.policy.catch_up = CatchUp::Nothing;
    let jobs = [job("nightly", "0 2 * * *"), hourly];
    assert_eq!(
        diary(&jobs, "02T01:30", "02T05:30", vec![(150, Ok(()))]),
        ["02T02:00 run nightly as of 02T02:00, attempt 1", "02T04:30 run hourly as of 02T04:00, attempt 1", "02T05:00 run hourly as of 02T05:00, attempt 1",]
    );
}

#[test]
fn what_may_pass_is_tried_again_and_then_given_up() {
    let mut nightly = job("nightly", "0 2 * * *");
    nightly.policy.retries = Retries { times: 2, wait: Duration::from_mins(5) };
    nightly.policy.timeout = Some(Duration::from_hours(2));
    let again = |at: &str| format!("job `nightly` failed, and is tried again at 2025-06-02T{at}:00Z: results: location `s3://kpis`: no answer");
    let mut expected = vec![
        "02T02:00 run nightly as of 02T02:00, attempt 1 until 02T04:00".to_owned(),
        again("02:06"),
        "02T02:06 run nightly as of 02T02:00, attempt 2 until 02T04:06".to_owned(),
        again("02:12"),
        "02T02:12 run nightly as of 02T02:00, attempt 3 until 02T04:12".to_owned(),
    ];
    let failed = || (1, Err(away()));
    assert_eq!(diary(std::slice::from_ref(&nightly), "01T12:00", "03T00:00", vec![failed(), failed(), (1, Ok(()))]), expected);
    expected.push("02T02:13 give up nightly after attempt 3: results: location `s3://kpis`: no answer".to_owned());
    assert_eq!(diary(&[nightly], "01T12:00", "03T00:00", vec![failed(), failed(), failed()]), expected);
}

#[test]
fn what_does_not_pass_is_given_up_at_once() {
    let mut nightly = job("nightly", "0 2 * * *");
    nightly.policy.retries.times = 2;
    let wrong = JobError::Models(Models(Vec::new()));
    assert_eq!(diary(&[nightly], "01T12:00", "03T00:00", vec![(0, Err(wrong))]), ["02T02:00 run nightly as of 02T02:00, attempt 1", "02T02:00 give up nightly after attempt 1: "]);
}

#[test]
fn a_stop_between_attempts_gives_up() {
    let mut nightly = job("nightly", "0 2 * * *");
    nightly.policy.retries = Retries { times: 1, wait: Duration::from_hours(1) };
    assert_eq!(
        diary(&[nightly], "01T12:00", "02T02:30", vec![(0, Err(away()))]),
        [
            "02T02:00 run nightly as of 02T02:00, attempt 1",
            "job `nightly` failed, and is tried again at 2025-06-02T03:00:00Z: results: location `s3://kpis`: no answer",
            "02T02:30 give up nightly after attempt 1: results: location `s3://kpis`: no answer",
        ]
    );
}

#[test]
fn who_waits_is_told_for_what() {
    let news = News::Waits { job: "nightly", until: at("02T02:00") };
    assert_eq!(news.to_string(), "job `nightly` is due at 2025-06-02T02:00:00Z");
}
