//! What can go wrong with a job, and whose fault it is.

use std::path::PathBuf;

use quotient_ingest::IngestError;
use quotient_metrics::MetricsError;
use quotient_model::ProjectError;
use quotient_report::ReportError;

use crate::availability::Unavailable;
use crate::data_tests::TestResult;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Faults in the project or job file.
    #[error(transparent)]
    Project(ProjectError),
    /// A folder without a project.
    #[error("no project in `{folder}`: it has no `dbt_project.yml`\n\nhint: name its folder with `--project DIR`, the current one with `--project .`")]
    NoProject {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of the project cannot be read.
    #[error("cannot read `{path}`: {source}")]
    ProjectFile {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A model whose SQL is wrong or not supported.
    #[error("{0}")]
    Models(Models),
    /// The lake cannot be read, or is not as declared.
    #[error(transparent)]
    Input(IngestError),
    /// Cells cannot be computed.
    #[error(transparent)]
    Metrics(MetricsError),
    /// Results cannot be written.
    #[error(transparent)]
    Output(ReportError),
    /// The folder of results cannot be opened.
    #[error("results: {0}")]
    Results(IngestError),
    /// Data tests found more than they allow.
    #[error("{}", Self::findings(.0))]
    Findings(Vec<TestResult>),
    /// Metrics that were asked for by name rest on columns that the lake lacks.
    #[error("{}\n\nhint: the columns are optional; give them to the lake, or say in `sources.yml` what their absence means (`config: {{meta: {{absent_means: ...}}}}`)", Self::lines(.0))]
    Unavailable(Vec<Unavailable>),
    /// A run in a process of its own ended with an exit code that is not 0, or was killed.
    #[error("the run ended {}{}", .code.map_or_else(|| "by a signal".to_owned(), |code| format!("with exit code {code}")), if .said.is_empty() { String::new() } else { format!(": {said}") })]
    Ended {
        /// The exit code; `None` where a signal ended it.
        code: Option<i32>,
        /// The last lines that it said.
        said: String,
    },
    /// A run that could not be started in a process of its own.
    #[error("cannot start a run: {0}")]
    Start(std::io::Error),
    /// The executor could not start.
    #[error("cannot start the I/O runtime: {0}")]
    Runtime(std::io::Error),
}

/// Every model that cannot be bound.
#[derive(Debug)]
pub struct Models(pub Vec<MetricsError>);

impl std::fmt::Display for Models {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Whose fault an error is; exit codes follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Data findings are over their limit.
    Findings,
    /// The command line asks for something that is not there.
    Usage,
    /// The project or job file is wrong.
    Project,
    /// The lake is wrong or cannot be read.
    Input,
    /// Results cannot be written.
    Output,
    /// Quotient itself is wrong.
    Internal,
}

impl JobError {
    fn findings(results: &[TestResult]) -> String {
        let lines: Vec<String> = results.iter().map(ToString::to_string).collect();
        let count = match results.len() {
            1 => "1 data test is over its limit".to_owned(),
            n => format!("{n} data tests are over their limits"),
        };
        format!("{count}, nothing was published\n\n{}", lines.join("\n"))
    }

    fn lines(unavailable: &[Unavailable]) -> String {
        unavailable.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Whose fault it is.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Findings(_) | Self::Ended { code: Some(1), .. } => ErrorClass::Findings,
            Self::Ended { code: Some(2), .. } => ErrorClass::Usage,
            Self::Project(_) | Self::NoProject { .. } | Self::ProjectFile { .. } | Self::Models(_) | Self::Ended { code: Some(3), .. } => ErrorClass::Project,
            // A run that was killed may pass the next time, as one that could not write.
            Self::Output(_) | Self::Results(_) | Self::Ended { code: Some(5) | None, .. } => ErrorClass::Output,
            Self::Ended { code: Some(4), .. } => ErrorClass::Input,
            Self::Input(IngestError::Runtime(_)) | Self::Runtime(_) | Self::Start(_) | Self::Ended { code: Some(_), .. } => ErrorClass::Internal,
            Self::Input(_) | Self::Unavailable(_) => ErrorClass::Input,
            Self::Metrics(error) => match error {
                MetricsError::Unknown { .. } | MetricsError::Group { .. } => ErrorClass::Usage,
                MetricsError::Sql(_) | MetricsError::Definition { .. } | MetricsError::Render { .. } | MetricsError::KeyTypes { .. } => ErrorClass::Project,
                MetricsError::Compute { .. } | MetricsError::Cube { .. } | MetricsError::DuplicateKey { .. } | MetricsError::Overlap { .. } => ErrorClass::Input,
                MetricsError::NotOpen { .. } | MetricsError::Bridge { .. } => ErrorClass::Internal,
            },
        }
    }
}
