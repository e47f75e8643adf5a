//! Every suite in one binary: each binary more would link Polars once more.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that is set up wrongly should fail at once")]

mod suite {
    mod availability;
    mod bad_input;
    mod calendar;
    mod cases;
    mod compile;
    mod data_tests;
    mod docs;
    mod edges;
    mod export;
    mod faults;
    mod incremental;
    mod joins;
    mod large_queries;
    mod laws;
    mod metricflow;
    mod moments;
    mod nightly;
    mod projects;
    mod readers;
    mod recovery;
    mod s3;
    mod saved_queries;
    mod settled;
    mod sql_constructs;
    mod together;
    mod usage;
}
