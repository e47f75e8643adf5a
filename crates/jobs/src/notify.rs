//! Tells others of runs: a line in a file, a JSON text posted to a URL, a command.
//!
//! In: where to, and what. Out: what could not be told; that is never a reason to stop.
//! A URL may hold a secret: only its host is ever named.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use quotient_model::{LineageTarget, OnFailure};
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How often a command is looked at, and how many times.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 600;

/// Why somebody was not told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// A file that does not take a line.
    #[error("cannot write to `{}`: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An address that is none.
    #[error("cannot post to an address that is no URL: {reason}")]
    Address {
        /// What is wrong with it.
        reason: String,
    },
    /// A server that was not reached.
    #[error("cannot post to `{host}`: {reason}")]
    Post {
        /// Scheme, host and port.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// A server that does not take it.
    #[error("cannot post to `{host}`: expected an answer from 200 to 299, found {status}")]
    Answer {
        /// Scheme, host and port.
        host: String,
        /// The status.
        status: u16,
    },
    /// A command that cannot be run.
    #[error("cannot run `{program}`: {source}")]
    Command {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// A command that failed.
    #[error("command `{program}` failed{}", .code.map(|code| format!(" with exit code {code}")).unwrap_or_default())]
    Failed {
        /// The program.
        program: String,
        /// Its exit code; a signal leaves none.
        code: Option<i32>,
    },
    /// A command that was stopped.
    #[error("command `{program}` was stopped after {} s", .after.as_secs())]
    Slow {
        /// The program.
        program: String,
        /// How long it had.
        after: Duration,
    },
    /// The executor could not start.
    #[error("cannot start the I/O runtime: {0}")]
    Runtime(io::Error),
}

/// What is told of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice<'a> {
    /// The job.
    pub job: &'a str,
    /// The run; empty where it had no name yet.
    pub run_id: &'a str,
    /// How it ended, such as `failed`.
    pub status: &'a str,
    /// What it said.
    pub error: &'a str,
}

/// Tells of a run that failed for good: the webhook, then the command. Gives back what could not be told.
#[must_use]
pub fn tell_failure(to: &OnFailure, notice: &Notice<'_>) -> Vec<NotifyError> {
    let posted = to.webhook.as_ref().map_or(Ok(()), |url| post(url, &notice.json()));
    [posted, run(&to.command, notice)].into_iter().filter_map(Result::err).collect()
}

/// Sends a lineage event to the file and the URL that a job names. Gives back what could not be told.
#[must_use]
pub fn send_lineage(to: &LineageTarget, event: &Value) -> Vec<NotifyError> {
    let written = to.file.as_ref().map_or(Ok(()), |file| append(file, event));
    let posted = to.url.as_ref().map_or(Ok(()), |url| post(url, event));
    [written, posted].into_iter().filter_map(Result::err).collect()
}

impl Notice<'_> {
    /// With a `text`, which chat services show.
    fn json(&self) -> Value {
        let Self { job, run_id, status, error } = self;
        json!({"text": format!("job `{job}` {status}: {error}"), "job": job, "run_id": run_id, "status": status, "error": error})
    }

    fn variables(&self) -> [(&'static str, &str); 4] {
        [("QUOTIENT_JOB", self.job), ("QUOTIENT_RUN_ID", self.run_id), ("QUOTIENT_STATUS", self.status), ("QUOTIENT_ERROR", self.error)]
    }
}

/// Adds a line to a file, which is made if it is not there.
fn append(file: &str, event: &Value) -> Result<(), NotifyError> {
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened.and_then(|mut file| file.write_all(format!("{event}\n").as_bytes())).map_err(|source| NotifyError::File { path: PathBuf::from(file), source })
}

/// Posts a JSON text.
fn post(address: &str, body: &Value) -> Result<(), NotifyError> {
    let url = Url::parse(address).map_err(|error| NotifyError::Address { reason: error.to_string() })?;
    let host = url.origin().ascii_serialization();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(NotifyError::Runtime)?;
    let sent = runtime.block_on(async {
        let client = reqwest::Client::builder().timeout(ANSWER).build()?;
        let request = client.post(url).header(CONTENT_TYPE, "application/json").body(body.to_string());
        Ok::<_, reqwest::Error>(request.send().await?.status())
    });
    match sent {
        Ok(status) if status.is_success() => Ok(()),
        Ok(status) => Err(NotifyError::Answer { host, status: status.as_u16() }),
        Err(error) => Err(NotifyError::Post { host, reason: reason_of(error) }),
    }
}

/// The innermost cause: those around it only say that a request was sent.
fn reason_of(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", ANSWER.as_secs());
    }
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Runs a command to its end, with the notice in its environment; what it prints on stdout is no data of ours.
fn run(words: &[String], notice: &Notice<'_>) -> Result<(), NotifyError> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let refused = |source| NotifyError::Command { program: program.clone(), source };
    let mut command = Command::new(program);
    command.args(arguments).envs(notice.variables()).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = command.spawn().map_err(refused)?;
    for _ in 0..LOOKS {
        match child.try_wait().map_err(refused)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(NotifyError::Failed { program: program.clone(), code: status.code() }),
            None => std::thread::sleep(LOOK),
        }
    }
    // A command that has ended meanwhile cannot be killed, and has been waited for long enough all the same.
    let _ = child.kill();
    let _ = child.wait();
    Err(NotifyError::Slow { program: program.clone(), after: LOOK * LOOKS })
}

#[cfg(test)]
mod tests;
