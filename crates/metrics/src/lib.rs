//! SQL to lazy frames, metrics to cells.

pub mod cube;
pub mod sql;
