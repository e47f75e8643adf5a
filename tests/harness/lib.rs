//! What the suites share: tiny lakes from rows, answers as cells, the program as a process, result tables, Python.
//!
//! In: rows in YAML, expected answers. Out: lakes on disk, and differences in words.
//! It computes no metric, and panics where a test is set up wrongly.
#![expect(clippy::unwrap_used, clippy::panic, clippy::missing_panics_doc, reason = "a test that is set up wrongly should fail at once")]

mod at_once;
mod cell;
mod fixture;
mod grid;
mod place;
mod program;
mod python;
mod results;
mod s3_server;

pub use at_once::{assert_none, check_all};
pub use cell::Cell;
pub use fixture::{Fixture, Row, row};
pub use grid::{Comparison, Difference, Grid};
pub use place::{demo_lake, files_below, packaged, project_over, query_of, read_yaml, root, skip, texts};
pub use program::{Call, Said};
pub use python::python_with;
pub use results::{Results, TABLES_OF_EVERY_JOB};
pub use s3_server::S3Server;
