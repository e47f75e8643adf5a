//! Cells of long periods from those of the shorter ones that they consist of.
//!
//! In: cells of one grouping, as an engine gives them. Out: cells of coarser grains, the same that an engine gives for the rows behind them.
//! That is so of aggregates that add up exactly: counts, sums of whole numbers and decimals, extremes.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{DataType, Date32Type};
use quotient_model::{Agg, Calendar, Grain};

use crate::cube::{CubeMeasure, CubeRequest, Grouping, aggregate};
use crate::error::MetricsError;
use crate::periods::period_starts;

/// The aggregate that makes a value of the values of its parts; `None` where they do not say enough.
///
/// A sum of floats is rounded once, and rounded sums do not add up to it.
#[must_use]
pub fn of_parts(agg: Agg, value: &DataType) -> Option<Agg> {
    match (agg, value) {
        (Agg::Count | Agg::SumBoolean | Agg::Sum, DataType::Int64) | (Agg::Sum, DataType::Decimal128(_, _)) => Some(Agg::Sum),
        (Agg::Min | Agg::Max, DataType::Int64 | DataType::Float64 | DataType::Decimal128(_, _)) => Some(agg),
        _ => None,
    }
}

/// The cells of a grain from those of a finer one that is part of it: `period_start`, so many dimensions, then a column per aggregate of parts.
///
/// # Errors
/// Days outside the calendar; sums that do not fit their type.
pub fn roll_up(calendar: &Calendar, model: &str, cells: &RecordBatch, dimensions: usize, aggregates: &[Agg], grain: Grain) -> Result<RecordBatch, MetricsError> {
    let first_measure = 1 + dimensions;
    let schema = cells.schema();
    let measure = |(place, aggregate): (usize, &Agg)| CubeMeasure {
        name: schema.field(first_measure + place).name().clone(),
        column: Some(first_measure + place),
        filter: None,
        aggregate: *aggregate,
    };
    let measures: Vec<CubeMeasure> = aggregates.iter().enumerate().map(measure).collect();
    let periods = period_starts(calendar, grain, cells.column(0).as_primitive::<Date32Type>())
        .map_err(|day| MetricsError::Bridge { column: "period_start".to_owned(), reason: format!("day {day} of `{model}` is outside the calendar") })?;
    let keys: Vec<usize> = (1..first_measure).collect();
    let cube = CubeRequest {
        schema: cells.schema(),
        batches: std::slice::from_ref(cells),
        time: Some(0),
        measures: &measures,
        groupings: &[Grouping { period: Some(&periods), keys: &keys }],
    };
    let mut rolled = aggregate(&cube).map_err(|source| MetricsError::Cube { model: model.to_owned(), source })?;
    Ok(rolled.swap_remove(0))
}
