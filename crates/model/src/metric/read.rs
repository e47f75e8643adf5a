//! Metrics as YAML: every key of dbt's latest spec, and ours under `config.meta`.

use std::cell::RefCell;

use super::{Agg, Calculation, Conversion, Input, Metric, MetricKind, MetricMeta, NonAdditive, Offset, PeriodAgg, Simple, Span, WindowChoice};
use crate::fault::Faults;
use crate::grain::Grain;
use crate::jinja::{Filter, Renderer};
use crate::reader::MapReader;
use crate::yaml::Node;

/// Where a `metrics:` list stands.
pub(crate) struct MetricList<'a> {
    /// The file.
    pub(crate) file: &'a str,
    /// The model that it stands under.
    pub(crate) model: Option<&'a str>,
    /// Renders what may be a template.
    pub(crate) renderer: &'a Renderer<'a>,
    /// Where faults go.
    pub(crate) faults: &'a RefCell<Faults>,
}

/// Reads one entry of a `metrics:` list.
pub(crate) fn read_metric(node: &Node, list: &MetricList<'_>) -> Option<Metric> {
    let MetricList { file, model, renderer, faults } = *list;
    let reader = MapReader::new(node, file, "metric", faults);
    let name = reader.required("name")?;
    let reader = reader.named(format!("metric `{name}`"));
    reader.ignore(&["tags", "time_granularity"]);
    let private = reader.boolean("hidden").unwrap_or(false);
    let (meta, offset_by_period) = read_meta(&reader, renderer);
    let kind = match reader.text("type").as_deref().unwrap_or("simple") {
        "simple" => read_simple(&reader, model).map(MetricKind::Simple),
        "ratio" => read_input(&reader, "numerator").zip(read_input(&reader, "denominator")).map(|(numerator, denominator)| MetricKind::Ratio { numerator, denominator }),
        "derived" => read_derived(&reader, offset_by_period),
        "cumulative" => read_cumulative(&reader),
        "conversion" => read_conversion(&reader).map(|conversion| MetricKind::Conversion(Box::new(conversion))),
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
        private,
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
        join_to_timespine: reader.boolean("join_to_timespine").unwrap_or(false),
        non_additive: reader.map("non_additive_dimension").and_then(|nested| read_non_additive(&nested)),
    })
}

fn read_non_additive(reader: &MapReader<'_>) -> Option<NonAdditive> {
    let time = reader.required("name");
    let choice = match reader.required("window_agg")?.as_str() {
        "min" => WindowChoice::Min,
        "max" => WindowChoice::Max,
        other => {
            reader.unknown("window_agg", "window aggregate", other, ["min", "max"]);
            return None;
        }
    };
    let by = reader.texts("group_by").into_iter().map(|(name, _)| name).collect();
    reader.finish();
    Some(NonAdditive { time: time?, choice, by })
}

fn read_conversion(reader: &MapReader<'_>) -> Option<Conversion> {
    let (base, conversion) = (read_input(reader, "base_metric"), read_input(reader, "conversion_metric"));
    let entity = reader.required("entity");
    let calculation = match reader.text("calculation").as_deref() {
        None | Some("conversion_rate") => Calculation::Rate,
        Some("conversions") => Calculation::Conversions,
        Some(other) => {
            reader.unknown("calculation", "calculation", other, ["conversion_rate", "conversions"]);
            return None;
        }
    };
    let window = match reader.text("window") {
        None => None,
        Some(text) => Some(parse_window(reader, "window", &text)?),
    };
    let mut constant_properties = Vec::new();
    for node in reader.list("constant_properties") {
        let nested = reader.nested(node, format!("{} `constant_properties`", reader.what()));
        constant_properties.extend(nested.required("base_property").zip(nested.required("conversion_property")));
        nested.finish();
    }
    Some(Conversion { base: base?, conversion: conversion?, entity: entity?, window, constant_properties, calculation })
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
        Some("average") => PeriodAgg::Average,
        Some(other) => {
            reader.unknown("period_agg", "period aggregate", other, ["first", "last", "average"]);
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
    let offset = read_offset(&reader)?;
    let input = Input { alias: reader.text("alias").unwrap_or_else(|| metric.clone()), metric, filters: read_filters(&reader), offset, place: reader.place() };
    reader.finish();
    Some(input)
}

fn read_offset(reader: &MapReader<'_>) -> Option<Offset> {
    match (reader.text("offset_window"), reader.text("offset_to_grain")) {
        (None, None) => Some(Offset::None),
        (Some(text), None) => parse_window(reader, "offset_window", &text).map(|(count, grain)| Offset::Window { count, grain }),
        (None, Some(text)) => {
            let grain = Grain::parse(&text);
            if grain.is_none() {
                reader.unknown("offset_to_grain", "granularity", &text, Grain::ALL.map(Grain::name));
            }
            grain.map(Offset::ToGrain)
        }
        (Some(_), Some(_)) => {
            reader.fault(reader.place().line, format!("{}: `offset_window` and `offset_to_grain` exclude each other", reader.what()));
            None
        }
    }
}

/// Most units of a window or an offset.
const LONGEST: u32 = 10_000;

/// Reads `7 days` or `1 month`.
fn parse_window(reader: &MapReader<'_>, key: &'static str, text: &str) -> Option<(u32, Grain)> {
    let parsed = text.split_once(' ').and_then(|(count, unit)| Some((count.parse().ok()?, Grain::parse(unit.trim())?)));
    if let Some((count, _)) = parsed.filter(|(count, _)| !(1..=LONGEST).contains(count)) {
        reader.fault(reader.place_of(key).line, format!("{}: key `{key}`: expected a count from 1 to {LONGEST}, found {count}", reader.what()));
        return None;
    }
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

fn read_meta(reader: &MapReader<'_>, renderer: &Renderer<'_>) -> (MetricMeta, bool) {
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
        mature_after: read_days(&meta, "mature_after", renderer),
        share_of_total: share_of.is_some(),
        like_for_like: meta.boolean("like_for_like").unwrap_or(false),
    };
    meta.finish();
    (read, offset.is_some())
}

/// A number of days, or a template of one such as `{{ var('grace_days') }}`.
fn read_days(meta: &MapReader<'_>, key: &'static str, renderer: &Renderer<'_>) -> Option<u32> {
    let template = meta.text(key)?;
    let fault = |message: String| meta.fault(meta.place_of(key).line, format!("{}: key `{key}`: {message}", meta.what()));
    match renderer.text(&template).map(|text| text.trim().parse().map_err(|_| text)) {
        Ok(Ok(days)) => return Some(days),
        Ok(Err(text)) => fault(format!("expected a number of days, found `{text}`")),
        Err(message) => fault(message),
    }
    None
}
