//! A run that is watched: it ends at its time-out, and those whom its job names are told how it went.

use std::thread;
use std::time::Duration;

use chrono::Utc;
use quotient_jobs::{JobError, Notice, RunState, RunSummary, Workspace, lineage_event, send_lineage, tell_failure};
use quotient_model::Job;

use crate::complaint::complaint;
use crate::exit;
use crate::session::Session;
use crate::talk::Talk;

/// Whom a run tells of its failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Those whom the job names.
    Told,
    /// Nobody: the scheduler that called does, after the last attempt.
    Returned,
}

/// Runs a job under its policy.
///
/// # Errors
/// As the run itself; what could not be told is said on stderr, and is no error.
pub(crate) fn run(workspace: &Workspace, job: &Job, failure: Failure, session: &Session) -> Result<RunSummary, JobError> {
    if let Some(timeout) = job.policy.timeout {
        stop_after(timeout, job.name.clone(), session.talk);
    }
    let name = format!("{} {}", job.name, session.as_of.to_rfc3339());
    let event = |state: RunState<'_>, summary: Option<&RunSummary>| {
        let Some(target) = &job.policy.openlineage else { return };
        let tables = summary.map(|summary| summary.tables.as_slice()).unwrap_or_default();
        #[expect(clippy::disallowed_methods, reason = "an event says when it happened")]
        let event = lineage_event(&workspace.lineage(job, &name, tables), state, Utc::now());
        for untold in send_lineage(target, &event) {
            session.talk.fail(&complaint(&untold));
        }
    };
    event(RunState::Start, None);
    let ran = workspace.run(job, session.progress().as_ref());
    match &ran {
        Ok(summary) => event(RunState::Complete, Some(summary)),
        Err(error) => {
            let text = error.to_string();
            event(RunState::Fail(&text), None);
            if failure == Failure::Told {
                let notice = Notice { job: &job.name, run_id: "", status: "failed", error: &text };
                for untold in tell_failure(&job.policy.on_failure, &notice) {
                    session.talk.fail(&complaint(&untold));
                }
            }
        }
    }
    ran
}

/// Ends the program at a time-out. That is as safe as a kill: readers see whole versions, and the next run does what was left.
fn stop_after(timeout: Duration, job: String, talk: Talk) {
    thread::spawn(move || {
        thread::sleep(timeout);
        talk.fail(&format!("error: job `{job}` took longer than its time-out of {} s, and was stopped\n\nhint: the next run does what was left\n", timeout.as_secs()));
        std::process::exit(i32::from(exit::OUTPUT));
    });
}
