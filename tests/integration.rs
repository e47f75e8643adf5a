//! Every suite in one binary: each binary more would link Polars once more.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that is set up wrongly should fail at once")]

mod suite {
    mod bad_input;
    mod cases;
    mod edges;
    mod laws;
    mod metricflow;
    mod nightly;
    mod projects;
    mod readers;
    mod s3;
    mod sql_constructs;
    mod usage;
}
