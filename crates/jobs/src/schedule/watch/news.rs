//! What the loop says to whoever looks on.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::error::JobError;

/// What comes next.
#[derive(Debug)]
pub enum News<'a> {
    /// Nothing is to do until a job is due.
    Waits {
        /// The job.
        job: &'a str,
        /// When it is due.
        until: DateTime<Utc>,
    },
    /// An attempt has failed, and another follows.
    TriesAgain {
        /// The job.
        job: &'a str,
        /// When.
        at: DateTime<Utc>,
        /// Why the attempt failed.
        error: &'a JobError,
    },
}

impl fmt::Display for News<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |instant: &DateTime<Utc>| instant.to_rfc3339_opts(SecondsFormat::Secs, true);
        match self {
            Self::Waits { job, until } => write!(f, "job `{job}` is due at {}", text(until)),
            Self::TriesAgain { job, at, error } => write!(f, "job `{job}` failed, and is tried again at {}: {error}", text(at)),
        }
    }
}
