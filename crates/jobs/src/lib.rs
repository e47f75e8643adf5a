//! Plan and run jobs, answer queries, check and explain projects.
//!
//! In: a project's folder, environment variables, an as-of. Out: result tables, or one error that says whose fault it is.
//! This is where the other crates meet: it opens the lake with `ingest`, computes with `metrics`, writes with `report`.

mod availability;
mod backfill;
mod check;
mod compile;
mod data_tests;
mod days;
mod docs;
mod error;
mod explain;
mod export;
mod findings;
mod freshness;
mod headline;
mod incremental_engine;
mod ledger;
mod lineage;
mod notify;
mod openlineage;
mod plan;
mod progress;
mod project_files;
mod publish;
mod question;
mod restatements;
mod results;
mod run;
mod runs;
mod schedule;
mod shelf;
mod since;
mod stored_cells;
mod test;
mod touched;
mod unit_tests;
mod vacuum;
mod values;
mod work;
mod workspace;

pub use availability::Unavailable;
pub use backfill::{Again, BackfillRequest, Chunk, ChunkOrder, ChunkState};
pub use check::{CheckReport, CheckedSource};
pub use data_tests::TestResult;
pub use docs::Docs;
pub use error::{ErrorClass, JobError};
pub use explain::Explanation;
pub use export::{ExportFormat, Exported};
pub use notify::{Notice, NotifyError, send_lineage, tell_failure};
pub use openlineage::{Dataset, LineageRun, RunState, lineage_event, states_of};
pub use plan::{Plan, PlannedTable};
pub use progress::{Progress, Silent};
pub use quotient_demo::{DemoError, DemoRequest, DemoTable, generate};
pub use quotient_metrics::QueryRequest;
pub use quotient_model::Dialect;
pub use quotient_report::{Format, ReportError, render};
pub use run::{RunSummary, WrittenTable};
pub use runs::{Gap, PastRun, PastTable, RunDifference};
pub use schedule::{Attempt, Clock, Ended, News, ScheduleError, ScheduleExport, ScheduleForm, Timetable, Wake, Watched, Worker, watch};
pub use test::{TestReport, TestRequest};
pub use touched::Reason;
pub use vacuum::VacuumedTable;
pub use workspace::{OpenRequest, Workspace};
