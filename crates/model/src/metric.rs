//! Metrics: what is counted, by which formula, in which unit.

use crate::fault::Place;
use crate::grain::Grain;
use crate::jinja::Filter;

mod read;

pub(crate) use read::{MetricList, read_metric};

/// A metric of the project.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The name.
    pub name: String,
    /// The label for people.
    pub label: String,
    /// What it says, ending with its grain.
    pub description: String,
    /// How it is computed.
    pub kind: MetricKind,
    /// Conditions on the rows that count.
    pub filters: Vec<Filter>,
    /// What the dictionary says of it beyond dbt's own keys.
    pub meta: MetricMeta,
    /// Whether it is there for other metrics to read; documents mark it, and a query may still ask for it.
    pub private: bool,
    /// Where it is declared.
    pub place: Place,
}

impl Metric {
    /// Whether the values of its days are enough to know those of longer stretches: a simple sum or count of all its rows.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        matches!(self.kind, MetricKind::Simple(Simple { agg: Agg::Sum | Agg::Count | Agg::SumBoolean, non_additive: None, .. }))
    }

    /// What a missing value is replaced by; of simple metrics only.
    #[must_use]
    pub fn filler(&self) -> Option<i64> {
        if let MetricKind::Simple(simple) = &self.kind { simple.fill_nulls_with } else { None }
    }
}

/// How a metric is computed.
#[derive(Debug, Clone, PartialEq)]
pub enum MetricKind {
    /// An aggregate over the rows of one model.
    Simple(Simple),
    /// Numerator over denominator, each summed first; null over zero.
    Ratio {
        /// What is divided.
        numerator: Input,
        /// By what.
        denominator: Input,
    },
    /// An expression over other metrics.
    Derived {
        /// SQL over the inputs' aliases.
        expr: String,
        /// The metrics that it reads.
        inputs: Vec<Input>,
    },
    /// A simple metric summed over a window that ends with the period.
    Cumulative {
        /// What is summed.
        input: Input,
        /// Where the window starts.
        span: Span,
        /// Which day of a period its value is.
        period_agg: PeriodAgg,
    },
    /// How many of the rows of one simple metric are followed by one of another, of the same entity.
    Conversion(Box<Conversion>),
}

/// Events of one simple metric that lead to events of another.
///
/// Every converting row belongs to the last row of the base before it, and to that row's period and dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// What may convert.
    pub base: Input,
    /// What counts as converted.
    pub conversion: Input,
    /// The entity that both have.
    pub entity: String,
    /// How long after the base row a conversion counts; `None` for ever.
    pub window: Option<(u32, Grain)>,
    /// Dimensions or entities that must be equal on both sides: of the base, of the conversion.
    pub constant_properties: Vec<(String, String)>,
    /// What the value is.
    pub calculation: Calculation,
}

/// What the value of a conversion metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calculation {
    /// Conversions over the base; null over zero.
    Rate,
    /// Conversions.
    Conversions,
}

/// An aggregate over the rows of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Simple {
    /// The model whose rows are aggregated.
    pub model: String,
    /// The aggregate.
    pub agg: Agg,
    /// A SQL expression over the model's columns.
    pub expr: String,
    /// The time dimension, where it is not the model's own.
    pub agg_time_dimension: Option<String>,
    /// What a missing value is replaced by.
    pub fill_nulls_with: Option<i64>,
    /// Whether every period has a cell, from the first with a row to that of as-of.
    pub join_to_timespine: bool,
    /// The dimension over which values do not add up: only the rows of its first or last moment count.
    pub non_additive: Option<NonAdditive>,
}

/// A time over which values do not add up, such as the day of a balance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NonAdditive {
    /// The time dimension.
    pub time: String,
    /// Which of its moments counts in a period.
    pub choice: WindowChoice,
    /// The entities or dimensions each of which has its own moment.
    pub by: Vec<String>,
}

/// Which moment of a period counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowChoice {
    /// The first.
    Min,
    /// The last.
    Max,
}

/// The aggregates of dbt's semantic layer: how the values of a group become one.
///
/// Nulls are ignored, and all null gives null unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Agg {
    /// Exact sum: integers to Int64, decimals to Decimal128(38, scale), floats to Float64 rounded once.
    Sum,
    /// Lowest value, same type; NaN is above every number, and negative zero is zero.
    Min,
    /// Highest value, same type; NaN is above every number, and negative zero is zero.
    Max,
    /// Number of values that are not null; Int64.
    Count,
    /// Number of different values that are not null; Int64.
    CountDistinct,
    /// Number of true values; Int64, 0 when all are false or null.
    SumBoolean,
    /// Exact sum divided by the number of values; Float64.
    Average,
    /// Continuous percentile at 0.5; Float64.
    Median,
    /// Value at a rank; Float64.
    Percentile {
        /// Rank from 0 (lowest) to 1 (highest).
        rank: f64,
        /// True: the smallest value whose cumulative share reaches the rank.
        /// False: linear interpolation between the two closest ranks.
        discrete: bool,
    },
}

/// A metric that another reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name.
    pub metric: String,
    /// The name that the expression knows it by.
    pub alias: String,
    /// Further conditions.
    pub filters: Vec<Filter>,
    /// Which period it is taken from.
    pub offset: Offset,
    /// Where it is declared.
    pub place: Place,
}

/// From which period an input is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offset {
    /// The same one.
    None,
    /// So many periods of the grain asked before it (`meta.offset: period`).
    Periods(u32),
    /// So many units of a grain before it.
    Window {
        /// How many.
        count: u32,
        /// Of what.
        grain: Grain,
    },
    /// The first period within the period of a coarser grain.
    ToGrain(Grain),
}

/// Where the window of a cumulative metric starts; it ends with the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// At the first row ever.
    AllTime,
    /// So many units before the end.
    Window {
        /// How many.
        count: u32,
        /// Of what.
        grain: Grain,
    },
    /// At the start of the period of a grain in which the end lies.
    ToDate(Grain),
}

/// What a longer period shows of the values that a cumulative metric has day by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodAgg {
    /// The first day's, dbt's default.
    First,
    /// The last day's.
    Last,
    /// The mean of all days that have one.
    Average,
}

/// What the dictionary says of a metric beyond dbt's own keys.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricMeta {
    /// The label in Korean.
    pub label_ko: String,
    /// The unit: days, hours, count, ratio, currency, units.
    pub unit: String,
    /// Which way is good: up, down or neither.
    pub better: String,
    /// Whether values add up over periods and slices.
    pub additivity: String,
    /// The formula for people.
    pub formula: String,
    /// When the value is null.
    pub null_rule: String,
    /// Where the definition comes from.
    pub source: String,
    /// Days after a period's end before its value is final, of the metric itself; [`crate::Project::mature_after`] counts its inputs.
    pub mature_after: Option<u32>,
    /// The denominator is the period's total, whatever the slice.
    pub share_of_total: bool,
    /// A period that is still running is compared with as many days of the earlier one.
    pub like_for_like: bool,
}

#[cfg(test)]
mod tests;
