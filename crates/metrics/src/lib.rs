//! SQL to lazy frames, metrics to cells.
//!
//! In: a checked project, relations of its sources, an as-of. Out: cells, as columns or as a table. The same rows and as-of give the
//! same bytes, whatever the thread count. It reads no lake, writes nothing and asks no clock.

pub mod cube;
pub mod sql;

mod availability;
mod bridge;
mod cell_map;
mod cells;
mod columns_read;
mod compile;
mod conversion;
mod cumulative;
mod derive;
mod engine;
mod error;
mod fact;
mod formula;
mod group_columns;
mod join;
mod keys;
mod labels;
mod lookup;
mod metric_column;
mod model_rows;
mod needs;
mod periods;
mod periods_needed;
mod polars_engine;
mod query;
mod requests;
mod roll_up;
mod row_lots;
mod snapshot;
mod time_item;
mod windows;

pub use availability::unavailable;
pub use cell_map::{CellMap, CellValue, Walk, all_keys};
pub use cells::{Column, Grid, Key, Kind, Value};
pub use columns_read::{ColumnsRead, columns_read};
pub use compile::{CompileRequest, compile, empty_engine};
pub use derive::{Cells, cells};
pub use engine::{BaseGrouping, BaseMeasure, BaseRequest, ConversionRequest, Engine, NONE, joined_rows};
pub use error::MetricsError;
pub use keys::{KeyRange, Keys};
pub use model_rows::{Chosen, DAY, ModelRows, PartSpan, row_hashes};
pub use needs::{CellRequest, Counts};
pub use periods_needed::{LateCells, PeriodsNeeded, periods_needed};
pub use polars_engine::PolarsEngine;
pub use query::{QueryRequest, metric_array, query};
pub use requests::{Requests, requests_of};
pub use roll_up::{of_parts, roll_up};
pub use row_lots::FirstRows;
