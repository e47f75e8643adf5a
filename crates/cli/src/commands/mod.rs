//! The commands, one file each.
//!
//! In: a session and what the command was asked. Out: data on stdout, talk on stderr.

pub(crate) mod backfill;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod docs;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod query;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod schedule;
pub(crate) mod test;
pub(crate) mod vacuum;
