//! Nouns of Quotient: project, source, model, metric, calendar, period, job.
//!
//! In: texts of a project, settings. Out: a checked [`Project`], or every fault in it.
//! It does no I/O, asks no clock, and knows nothing of engines.

mod calendar;
mod data_test;
mod docs_block;
mod exposure;
mod fault;
mod filter_check;
mod grain;
mod hash;
mod incremental;
mod jinja;
mod job;
mod metric;
mod model;
mod nearest;
mod project;
mod reader;
mod resolve;
mod saved_query;
mod source;
mod time_part;
mod time_spine;
mod unit_test;
mod validate;
mod yaml;

pub use calendar::{Calendar, Period, RetailCalendar, RetailPattern, RetailYearEnd, first_instant};
pub use data_test::{Age, DataTest, Freshness, Outcome, Rule, Severity, Threshold};
pub use exposure::{Dependency, DependencyKind, Exposure};
pub use fault::{Fault, Place, ProjectError};
pub use filter_check::{check_filter, facts_of, filters_of, metrics_read_by};
pub use grain::Grain;
pub use hash::{definition_hash, model_hash, short_hash};
pub use incremental::{Incremental, Reach};
pub use jinja::{Context, Dialect, Filter, MetricRef, quoted};
pub use job::{CatchUp, Job, JobTable, LineageTarget, OnFailure, Policy, RESERVED_TABLES, Retries};
pub use metric::{Agg, Calculation, Conversion, Input, Metric, MetricKind, MetricMeta, NonAdditive, Offset, PeriodAgg, Simple, Span, WindowChoice};
pub use model::{Dimension, DimensionKind, Entity, EntityKind, Model, Semantics};
pub use nearest::nearest;
pub use project::{Project, ProjectFiles, ProjectPaths, Settings};
pub use resolve::{GroupItem, Hop, ItemColumn, items_of, resolve_item};
pub use saved_query::{Export, ExportKind, SavedQuery};
pub use source::{ColumnType, SourceColumn, SourceTable};
pub use time_part::{DatePart, TimePart};
pub use time_spine::CustomGranularity;
pub use unit_test::{Given, GivenRow, UnitTest};
pub use validate::inputs_of;
pub use yaml::{Entry, Node, Value};
