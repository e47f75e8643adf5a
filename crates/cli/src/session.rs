//! What every command of one call shares.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use quotient_jobs::{Format, OpenRequest, Workspace};

use crate::error::CliError;
use crate::talk::Talk;

/// One call of the binary. Without `Debug`: the environment may hold credentials.
pub(crate) struct Session {
    /// Folder of the project.
    pub(crate) project: PathBuf,
    /// What is taken for now.
    pub(crate) as_of: DateTime<Utc>,
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
        let request = OpenRequest { project_dir: self.project.clone(), env: self.env.clone(), vars: self.vars.clone(), as_of: self.as_of };
        Workspace::open(&request).map_err(CliError::job)
    }
}
