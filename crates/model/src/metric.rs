//! Metrics: what is counted, by which formula, in which unit.

use std::cell::RefCell;

use crate::fault::{Faults, Place};
use crate::grain::Grain;
use crate::jinja::Filter;
use crate::reader::MapReader;
use crate::yaml::Node;

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
    /// Where it is declared.
    pub place: Place,
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

/// Which day's value of a cumulative metric a longer period shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeriodAgg {
    /// The first day's, dbt's default.
    First,
    /// The last day's.
    Last,
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
    /// Days after a period's end before its value is final.
    pub mature_after: Option<u32>,
    /// The denominator is the period's total, whatever the slice.
    pub share_of_total: bool,
}

/// Reads one entry of a `metrics:` list; `model` is the model it stands under.
pub(crate) fn read_metric(file: &str, node: &Node, model: Option<&str>, faults: &RefCell<Faults>) -> Option<Metric> {
    let reader = MapReader::new(node, file, "metric", faults);
    let name = reader.required("name")?;
    let reader = reader.named(format!("metric `{name}`"));
    reader.ignore(&["hidden", "tags", "time_granularity", "join_to_timespine"]);
    let (meta, offset_by_period) = read_meta(&reader);
    let kind = match reader.text("type").as_deref().unwrap_or("simple") {
        "simple" => read_simple(&reader, model).map(MetricKind::Simple),
        "ratio" => read_input(&reader, "numerator").zip(read_input(&reader, "denominator")).map(|(numerator, denominator)| MetricKind::Ratio { numerator, denominator }),
        "derived" => read_derived(&reader, offset_by_period),
        "cumulative" => read_cumulative(&reader),
        "conversion" => {
            reader.fault_with_hint(
                reader.place_of("type").line,
                format!("metric `{name}`: conversion metrics are not supported yet"),
                "mark the converted rows in the model and divide their count by all rows with a ratio",
            );
            return None;
        }
        other => {
            reader.unknown("type", "metric type", other, ["simple", "ratio", "derived", "cumulative", "conversion"]);
            return None;
        }
    };
    let metric = Metric {
        label: reader.text("label").unwrap_or_else(|| name.clone()),
        description: reader.text("description").unwrap_or_default(),
        kind: kind?,
        filters: read_filters(&reader),
        meta,
        place: reader.place(),
        name,
    };
    reader.finish();
    Some(metric)
}

fn read_simple(reader: &MapReader<'_>, model: Option<&str>) -> Option<Simple> {
    let Some(model) = model else {
        reader.fault(reader.place().line, format!("{}: a simple metric stands under the model that it counts", reader.what()));
        return None;
    };
    if let Some(node) = reader.node("non_additive_dimension") {
        reader.fault(node.line, format!("{}: `non_additive_dimension` is not supported yet", reader.what()));
    }
    let agg = reader.required("agg")?;
    let (rank, style) = (reader.number("percentile"), reader.text("percentile_type"));
    let agg = match agg.as_str() {
        "sum" => Agg::Sum,
        "min" => Agg::Min,
        "max" => Agg::Max,
        "count" => Agg::Count,
        "count_distinct" => Agg::CountDistinct,
        "sum_boolean" => Agg::SumBoolean,
        "average" => Agg::Average,
        "median" => Agg::Median,
        "percentile" => match rank {
            Some(rank) if (0.0..=1.0).contains(&rank) => Agg::Percentile { rank, discrete: style.as_deref() == Some("discrete") },
            _ => {
                reader.fault(reader.place_of("percentile").line, format!("{}: expected `percentile` from 0 to 1", reader.what()));
                return None;
            }
        },
        other => {
            let valid = ["sum", "min", "max", "count", "count_distinct", "sum_boolean", "average", "median", "percentile"];
            reader.unknown("agg", "aggregate", other, valid);
            return None;
        }
    };
    Some(Simple {
        model: model.to_owned(),
        agg,
        expr: reader.text("expr").unwrap_or_else(|| "1".to_owned()),
        agg_time_dimension: reader.text("agg_time_dimension"),
        fill_nulls_with: reader.integer("fill_nulls_with"),
    })
}

fn read_derived(reader: &MapReader<'_>, offset_by_period: bool) -> Option<MetricKind> {
    let expr = reader.required("expr")?;
    let mut inputs: Vec<Input> = reader.list("input_metrics").iter().filter_map(|node| input_of(reader, node)).collect();
    if inputs.is_empty() {
        reader.fault(reader.place().line, format!("{}: missing key `input_metrics`", reader.what()));
    }
    if offset_by_period {
        for input in &mut inputs {
            if let Offset::Window { count, grain } = input.offset
                && grain != Grain::Year
            {
                input.offset = Offset::Periods(count);
            }
        }
    }
    Some(MetricKind::Derived { expr, inputs })
}

fn read_cumulative(reader: &MapReader<'_>) -> Option<MetricKind> {
    let input = read_input(reader, "input_metric")?;
    let window = reader.text("window");
    let to_date = reader.text("grain_to_date");
    let span = match (window, to_date) {
        (Some(_), Some(_)) => {
            reader.fault(reader.place().line, format!("{}: `window` and `grain_to_date` exclude each other", reader.what()));
            return None;
        }
        (Some(text), None) => {
            let (count, grain) = parse_window(reader, "window", &text)?;
            Span::Window { count, grain }
        }
        (None, Some(text)) => {
            let Some(grain) = Grain::parse(&text) else {
                reader.unknown("grain_to_date", "granularity", &text, Grain::ALL.map(Grain::name));
                return None;
            };
            Span::ToDate(grain)
        }
        (None, None) => Span::AllTime,
    };
    let period_agg = match reader.text("period_agg").as_deref() {
        None | Some("first") => PeriodAgg::First,
        Some("last") => PeriodAgg::Last,
        Some(other) => {
            reader.unknown("period_agg", "period aggregate", other, ["first", "last"]);
            return None;
        }
    };
    Some(MetricKind::Cumulative { input, span, period_agg })
}

fn read_input(reader: &MapReader<'_>, key: &'static str) -> Option<Input> {
    let Some(node) = reader.node(key) else {
        reader.fault(reader.place().line, format!("{}: missing key `{key}`", reader.what()));
        return None;
    };
    input_of(reader, node)
}

fn input_of(outer: &MapReader<'_>, node: &Node) -> Option<Input> {
    if let (Some(metric), true) = (node.text(), node.entries().is_empty()) {
        return Some(Input { alias: metric.clone(), metric, filters: Vec::new(), offset: Offset::None, place: outer.place_at(node.line) });
    }
    let reader = outer.nested(node, format!("{}: input metric", outer.what()));
    let metric = reader.required("name")?;
    if let Some(node) = reader.node("offset_to_grain") {
        reader.fault(node.line, format!("{}: `offset_to_grain` is not supported yet", outer.what()));
    }
    let offset = match reader.text("offset_window") {
        None => Offset::None,
        Some(text) => {
            let (count, grain) = parse_window(&reader, "offset_window", &text)?;
            Offset::Window { count, grain }
        }
    };
    let input = Input { alias: reader.text("alias").unwrap_or_else(|| metric.clone()), metric, filters: read_filters(&reader), offset, place: reader.place() };
    reader.finish();
    Some(input)
}

/// Reads `7 days` or `1 month`.
fn parse_window(reader: &MapReader<'_>, key: &'static str, text: &str) -> Option<(u32, Grain)> {
    let parsed = text.split_once(' ').and_then(|(count, unit)| Some((count.parse().ok()?, Grain::parse(unit.trim())?)));
    if parsed.is_none() {
        reader.fault(reader.place_of(key).line, format!("{}: key `{key}`: expected a count and a granularity such as `1 month`, found `{text}`", reader.what()));
    }
    parsed
}

fn read_filters(reader: &MapReader<'_>) -> Vec<Filter> {
    let mut filters = Vec::new();
    for (template, line) in reader.texts("filter") {
        match Filter::parse(&template) {
            Ok(filter) => filters.push(filter),
            Err(message) => reader.fault(line, format!("{}: filter: {message}", reader.what())),
        }
    }
    filters
}

fn read_meta(reader: &MapReader<'_>) -> (MetricMeta, bool) {
    let Some(config) = reader.map("config") else { return Default::default() };
    config.ignore(&["enabled", "group", "tags"]);
    let Some(meta) = config.map("meta") else { return Default::default() };
    config.finish();
    let text = |key| meta.text(key).unwrap_or_default();
    let offset = meta.text("offset");
    if let Some(other) = offset.as_deref().filter(|o| *o != "period") {
        meta.unknown("offset", "offset", other, ["period"]);
    }
    let share_of = meta.text("share_of");
    if let Some(other) = share_of.as_deref().filter(|o| *o != "total") {
        meta.unknown("share_of", "share", other, ["total"]);
    }
    let read = MetricMeta {
        label_ko: text("label_ko"),
        unit: text("unit"),
        better: text("better"),
        additivity: text("additivity"),
        formula: text("formula"),
        null_rule: text("null_rule"),
        source: text("source"),
        mature_after: meta.integer("mature_after").and_then(|days| u32::try_from(days).ok()),
        share_of_total: share_of.is_some(),
    };
    meta.finish();
    (read, offset.is_some())
}
