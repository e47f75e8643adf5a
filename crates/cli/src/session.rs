//! What every command of one call shares.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use quotient_jobs::{Format, OpenRequest, Progress, Workspace};

use crate::error::CliError;
use crate::progress::{Bar, Clock, Lines};
use crate::talk::{LogForm, Talk};

/// One call of the binary. Without `Debug`: the environment may hold credentials.
pub(crate) struct Session {
    /// Folder of the project.
    pub(crate) project: PathBuf,
    /// What is taken for now.
    pub(crate) as_of: DateTime<Utc>,
    /// What the clock says.
    pub(crate) now: DateTime<Utc>,
    /// Who says so.
    pub(crate) as_of_is: AsOf,
    /// Vars that override the project's.
    pub(crate) vars: BTreeMap<String, String>,
    /// The environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Form of the data on stdout.
    pub(crate) format: Format,
    /// What is said on stderr.
    pub(crate) talk: Talk,
    /// Whether work is shown while it goes on.
    pub(crate) shows_progress: bool,
}

impl Session {
    /// Reads and checks the project.
    ///
    /// # Errors
    /// A project that is not there, or has faults.
    pub(crate) fn open(&self) -> Result<Workspace, CliError> {
        self.open_at(self.as_of)
    }

    /// Reads and checks the project, as of another instant.
    ///
    /// # Errors
    /// A project that is not there, or has faults.
    pub(crate) fn open_at(&self, as_of: DateTime<Utc>) -> Result<Workspace, CliError> {
        let request = OpenRequest { project_dir: self.project.clone(), env: self.env.clone(), vars: self.vars.clone(), as_of };
        Workspace::open(&request).map_err(CliError::job)
    }

    /// How work is shown while it goes on.
    pub(crate) fn progress(&self) -> Box<dyn Progress> {
        match (self.shows_progress, self.talk.form) {
            (false, _) => Box::new(Clock::new()),
            (true, LogForm::Text) => Box::new(Bar::new()),
            (true, LogForm::Json) => Box::new(Lines::new()),
        }
    }
}

/// Who says what is taken for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AsOf {
    /// `--as-of`.
    Given,
    /// The clock.
    Clock,
}
