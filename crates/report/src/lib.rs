//! Cells to result tables: Delta tables under the results, the tables that describe them, and rows as text.
//!
//! In: record batches, a project, an object store. Out: commits, batches, text.
//! It computes no metric, reads no lake, asks no clock and writes nowhere but under the store that it is given.

mod commit;
mod data_files;
mod delta;
mod dictionary;
mod dimensions;
mod error;
mod file;
mod findings;
mod merge;
mod new_rows;
mod objects;
mod ordered;
mod render;
mod runs;
mod stable;
mod vacuum;

pub use delta::{EndingAfter, Holds, Replace, ResultStore, TableWrite, Written};
pub use dictionary::kpi_dictionary;
pub use dimensions::{PeriodRange, dim_date, dim_period};
pub use error::ReportError;
pub use findings::{Finder, Finding, kpi_findings};
pub use new_rows::{ByEnd, MakeRows, NewRows, PeriodRows};
pub use objects::KEPT;
pub use render::{Format, cell_texts, render};
pub use runs::{Run, RunWork, Step, TIMES_OF_RUNS, Timing, kpi_runs};
pub use vacuum::Vacuumed;
