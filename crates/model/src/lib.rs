//! Nouns of Quotient: project, source, model, metric, calendar, period, job.
//!
//! In: texts of a project, settings. Out: a checked [`Project`], or every fault in it.
//! It does no I/O, asks no clock, and knows nothing of engines.

mod calendar;
mod fault;
mod grain;
mod hash;
mod jinja;
mod job;
mod metric;
mod model;
mod nearest;
mod project;
mod reader;
mod resolve;
mod source;
mod validate;
mod yaml;

pub use calendar::{Calendar, Period};
pub use fault::{Fault, Place, ProjectError};
pub use grain::Grain;
pub use hash::{definition_hash, short_hash};
pub use jinja::{Context, Filter, quoted};
pub use job::{Job, JobTable, RESERVED_TABLES};
pub use metric::{Agg, Input, Metric, MetricKind, MetricMeta, Offset, PeriodAgg, Simple, Span};
pub use model::{Dimension, DimensionKind, Entity, EntityKind, Model, Semantics};
pub use nearest::nearest;
pub use project::{Project, ProjectFiles, ProjectPaths, Settings};
pub use resolve::{GroupItem, items_of, resolve_item};
pub use source::{ColumnType, SourceColumn, SourceTable};
pub use validate::inputs_of;
pub use yaml::{Entry, Node, Value};
