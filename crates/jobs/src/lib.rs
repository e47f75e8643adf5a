//! Plan and run jobs, answer queries, check and explain projects.
//!
//! In: a project's folder, environment variables, an as-of. Out: result tables, or one error that says whose fault it is.
//! This is where the other crates meet: it opens the lake with `ingest`, computes with `metrics`, writes with `report`.

mod check;
mod compile;
mod data_tests;
mod docs;
mod error;
mod explain;
mod export;
mod findings;
mod freshness;
mod plan;
mod progress;
mod project_files;
mod results;
mod run;
mod test;
mod unit_tests;
mod values;
mod workspace;

pub use check::{CheckReport, CheckedSource};
pub use data_tests::TestResult;
pub use docs::Docs;
pub use error::{ErrorClass, JobError};
pub use explain::Explanation;
pub use export::{ExportFormat, Exported};
pub use plan::{Plan, PlannedTable};
pub use progress::{Progress, Silent};
pub use quotient_demo::{DemoError, DemoRequest, DemoTable, generate};
pub use quotient_metrics::QueryRequest;
pub use quotient_model::Dialect;
pub use quotient_report::{Format, ReportError, render};
pub use run::{RunSummary, WrittenTable};
pub use test::{TestReport, TestRequest};
pub use workspace::{OpenRequest, Workspace};
