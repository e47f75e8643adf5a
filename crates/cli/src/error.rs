//! What can go wrong in a call of the binary.

use std::io;
use std::path::PathBuf;

use arrow::error::ArrowError;
use quotient_jobs::{DemoError, ErrorClass, JobError, ReportError, ScheduleError};
use thiserror::Error;

use crate::usage::UsageError;

/// A failed command.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    /// An argument cannot be meant.
    #[error(transparent)]
    Usage(UsageError),
    /// The project, its input or its output.
    #[error(transparent)]
    Job(Box<JobError>),
    /// The demo lake.
    #[error(transparent)]
    Demo(Box<DemoError>),
    /// Rows have no text.
    #[error(transparent)]
    Render(Box<ReportError>),
    /// Tests that fail; what they found is on stdout.
    #[error("{failed} of {of} tests failed")]
    Tests { failed: usize, of: usize },
    /// A folder that a project cannot go to.
    #[error("folder `{}` is not empty, expected an empty one or none\n\nhint: name another folder: `quotient init DIR`", .path.display())]
    NotEmpty { path: PathBuf },
    /// A folder that cannot be listed.
    #[error("cannot look into folder `{}`", .path.display())]
    Look { path: PathBuf, source: io::Error },
    /// Committed docs that say something else than the project.
    #[error("`{}` is not what the project says\n\nhint: `quotient docs` writes it anew", .path.display())]
    Docs { path: PathBuf },
    /// A file that cannot be written.
    #[error("cannot write `{}`", .path.display())]
    Write { path: PathBuf, source: io::Error },
    /// Stdout does not take the data.
    #[error("cannot write to stdout")]
    Stdout { source: io::Error },
    /// A job that says no times.
    #[error("job `{job}` has no `schedule`\n\nhint: write a cron line, such as `schedule: \"0 2 * * *\"`")]
    NoSchedule { job: String },
    /// A schedule that another scheduler cannot say.
    #[error(transparent)]
    Schedule(ScheduleError),
    /// Signals that cannot be listened to.
    #[error("cannot listen to signals")]
    Signals { source: io::Error },
    /// Columns of a listing do not fit together.
    #[error("cannot put a listing together")]
    Listing { source: ArrowError },
    /// What was computed cannot be written as JSON.
    #[error("cannot write JSON")]
    Json { source: serde_json::Error },
}

impl CliError {
    pub(crate) fn job(error: JobError) -> Self {
        Self::Job(Box::new(error))
    }

    pub(crate) fn demo(error: DemoError) -> Self {
        Self::Demo(Box::new(error))
    }

    pub(crate) fn render(error: ReportError) -> Self {
        Self::Render(Box::new(error))
    }

    pub(crate) fn json(source: serde_json::Error) -> Self {
        Self::Json { source }
    }

    /// Whose fault it is.
    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            Self::Usage(_) => ErrorClass::Usage,
            Self::Job(error) => error.class(),
            Self::Tests { .. } | Self::Docs { .. } => ErrorClass::Findings,
            Self::Demo(error) => match error.as_ref() {
                DemoError::Scale { .. } | DemoError::Range { .. } => ErrorClass::Usage,
                DemoError::Occupied { .. } | DemoError::Folder { .. } | DemoError::File { .. } | DemoError::Encode { .. } => ErrorClass::Output,
                DemoError::Columns { .. } => ErrorClass::Internal,
            },
            Self::NotEmpty { .. } | Self::Look { .. } | Self::Write { .. } | Self::Stdout { .. } => ErrorClass::Output,
            Self::NoSchedule { .. } | Self::Schedule(_) => ErrorClass::Project,
            Self::Render(_) | Self::Listing { .. } | Self::Json { .. } | Self::Signals { .. } => ErrorClass::Internal,
        }
    }
}
