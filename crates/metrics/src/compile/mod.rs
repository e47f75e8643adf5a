//! SQL that gives our numbers: one statement over the files of the lake, in the dialect of another engine.
//!
//! In: a project, a query, where the files are. Out: text. Nothing is read, and nothing is computed but the types of columns.
//!
//! A statement is a chain of CTEs: sources, models, facts, one for each metric and grouping, and the rows asked for.
//! It is written in our own SQL and put into the dialect at the end, by `speech`.

mod cell_set;
mod conversion;
mod derived;
mod facts;
mod filters;
mod offset;
mod operand;
mod row_window;
mod sources;
mod speech;
mod statement;
#[cfg(test)]
mod tests;
mod typing;
mod window;

pub use statement::{CompileRequest, compile};
pub use typing::empty_engine;
