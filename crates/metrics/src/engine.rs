//! What the metrics ask of an engine: base cells, and nothing else.

use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use chrono::NaiveDate;
use quotient_model::{Agg, Filter, Grain, NonAdditive, PeriodAgg, Span};

use crate::error::MetricsError;

/// Computes base cells from the facts of one model.
pub trait Engine {
    /// One batch per grouping, in the order of the request: `period_start` (Date32, where the grouping has a grain), the slice's
    /// dimensions as text with `(none)` for a missing value, then a column per measure.
    /// A row exists where the fact has one; a measure is null where no row passes its filters.
    ///
    /// # Errors
    /// Whatever keeps the engine from answering; no partial answer is given.
    fn base_cells(&self, request: &BaseRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError>;

    /// The same for the one measure of a conversion: the converting rows, by period and slice of the base row that each belongs to.
    ///
    /// A converting row belongs to the last base row of its entity that is not after it, within the window.
    ///
    /// # Errors
    /// Whatever keeps the engine from answering; no partial answer is given.
    fn conversion_cells(&self, request: &ConversionRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError>;
}

/// What is asked of the rows of two models that share an entity.
#[derive(Debug, Clone)]
pub struct ConversionRequest<'a> {
    /// The name of the measure in the answer.
    pub name: String,
    /// The rows that may convert: those that pass its one measure; its groupings are those of the answer.
    pub base: BaseRequest<'a>,
    /// The converting rows: its one measure is what is aggregated; it has no groupings.
    pub conversion: BaseRequest<'a>,
    /// How long after the base row a conversion counts.
    pub window: Option<(u32, Grain)>,
    /// Columns that both sides keep and that must be equal.
    pub keys: Vec<String>,
    /// Whether moments are days; otherwise they are instants.
    pub by_day: bool,
}

/// What is asked of one model's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseRequest<'a> {
    /// The model.
    pub model: &'a str,
    /// The dimension that rows are counted by.
    pub time: &'a str,
    /// The aggregates.
    pub measures: Vec<BaseMeasure<'a>>,
    /// The groupings.
    pub groupings: Vec<BaseGrouping>,
    /// Further columns over the model that the rows keep beside them: name and SQL expression.
    pub keep: Vec<(String, String)>,
    /// Only the rows of the first or last moment count, in every period of the one grain that the groupings have.
    pub snapshot: Option<&'a NonAdditive>,
    /// A row counts in every period of the one grain of the groupings whose window it lies in; windows end as the second part says.
    pub window: Option<(Span, PeriodAgg)>,
    /// The first day that counts, where the caller limits it.
    pub from: Option<NaiveDate>,
    /// The day after the last that counts, where the caller limits it.
    pub to: Option<NaiveDate>,
    /// Where there are some: only cells of periods that have one of these days are asked for, each from its first day on and before its second.
    pub only: Vec<(i32, i32)>,
}

impl BaseRequest<'_> {
    /// Whether it reads metrics of all time beside its rows.
    #[must_use]
    pub fn reads_metrics(&self) -> bool {
        self.measures.iter().flat_map(|measure| &measure.filters).any(|filter| !filter.metrics.is_empty())
    }

    /// Whether the rows of another request are the same, so that they need to be computed once for both.
    #[must_use]
    pub fn has_rows_of(&self, other: &Self) -> bool {
        // Rows that are spread over windows, or stand beside values of metrics, are made for one request.
        let is_alone = |request: &Self| request.window.is_some() || request.reads_metrics();
        !is_alone(self)
            && !is_alone(other)
            && (self.model, self.time, self.from, self.to) == (other.model, other.time, other.from, other.to)
            && self.snapshot.is_some() == other.snapshot.is_some()
            && self.keep == other.keep
    }
}

/// One aggregate over a model's rows.
#[derive(Debug, Clone, PartialEq)]
pub struct BaseMeasure<'a> {
    /// Its name in the answer.
    pub name: String,
    /// The metric that asks, for messages.
    pub metric: &'a str,
    /// The aggregate.
    pub agg: Agg,
    /// A SQL expression over the model's columns.
    pub expr: &'a str,
    /// Conditions on the rows that count.
    pub filters: Vec<&'a Filter>,
}

/// How rows are grouped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BaseGrouping {
    /// By periods of this grain; `None` for all time at once.
    pub grain: Option<Grain>,
    /// By these items.
    pub slice: Vec<String>,
}

/// The rows of batches of the same columns; without a batch there is no column.
///
/// # Errors
/// Batches of other columns.
pub fn joined_rows(batches: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let schema = batches.first().map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    concat_batches(&schema, batches)
}

/// The text that stands for a missing or unknown value of a dimension.
pub const NONE: &str = "(none)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_same_for_one_model_time_and_stretch_of_days() {
        let request = BaseRequest {
            model: "deals",
            time: "closed_at",
            measures: Vec::new(),
            groupings: Vec::new(),
            keep: Vec::new(),
            snapshot: None,
            window: None,
            from: NaiveDate::from_ymd_opt(2025, 1, 1),
            to: None,
            only: Vec::new(),
        };
        let filter = Filter { metrics: vec![quotient_model::MetricRef { name: "revenue".to_owned(), group_by: Vec::new(), column: "m".to_owned() }], ..Filter::default() };
        let measure = BaseMeasure { name: "won".to_owned(), metric: "won", agg: Agg::Count, expr: "1", filters: Vec::new() };
        assert!(request.has_rows_of(&BaseRequest { measures: vec![measure.clone()], only: vec![(1, 2)], ..request.clone() }));
        let others = [
            BaseRequest { model: "leads", ..request.clone() },
            BaseRequest { time: "created_at", ..request.clone() },
            BaseRequest { from: None, ..request.clone() },
            BaseRequest { keep: vec![("k".to_owned(), "k".to_owned())], ..request.clone() },
            BaseRequest { window: Some((Span::ToDate(quotient_model::Grain::Month), PeriodAgg::Last)), ..request.clone() },
            BaseRequest { measures: vec![BaseMeasure { filters: vec![&filter], ..measure }], ..request.clone() },
        ];
        assert!(others.iter().all(|other| !request.has_rows_of(other) && !other.has_rows_of(&request)));
    }
}
