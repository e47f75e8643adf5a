//! SQL models and their semantics: entities, dimensions, the time that facts are counted by.

use std::cell::RefCell;

use crate::data_test::{DataTest, Tested, read_tests};
use crate::fault::{Faults, Place};
use crate::incremental::{Declared, Incremental, read_incremental};
use crate::jinja::{Renderer, quoted};
use crate::metric::{Metric, MetricList, read_metric};
use crate::reader::MapReader;
use crate::time_spine::{CustomGranularity, TimeSpine, read_time_spine};
use crate::yaml::{Node, Value};

/// A SQL model of the project.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Model {
    /// The name that `ref` takes: the file's stem.
    pub name: String,
    /// The file of the SQL text, relative to the project.
    pub file: String,
    /// The SQL as written, with its Jinja.
    pub template: String,
    /// The SQL rendered for our engine.
    pub sql: String,
    /// Models that it reads.
    pub refs: Vec<String>,
    /// Sources that it reads, as `schema.table`.
    pub sources: Vec<String>,
    /// What one row is.
    pub description: String,
    /// What metrics and group-bys may use of it; `None` for a model without semantics.
    pub semantics: Option<Semantics>,
    /// What must hold of its rows: tests of the model, then those of its columns.
    pub tests: Vec<DataTest>,
    /// Whether its rows are findings, with the columns rule, `table_name` and key (`config.meta.findings`).
    pub findings: bool,
    /// How far events of its sources reach (`config.meta.incremental`); `None` where it does not say.
    pub incremental: Option<Incremental>,
    /// The standard granularity column, if this is the project's time spine.
    pub time_spine: Option<String>,
    /// The granularity of that column: `day`, `microsecond`.
    pub spine_granularity: Option<String>,
    /// The custom granularities that the time spine declares.
    pub custom_granularities: Vec<CustomGranularity>,
}

/// What metrics and group-bys may use of a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Semantics {
    /// The entity that names the model's own dimensions: `opportunity` in `opportunity__kind`.
    pub primary_entity: Option<String>,
    /// The time dimension that metrics of the model are counted by, unless they name another.
    pub agg_time_dimension: Option<String>,
    /// The entities.
    pub entities: Vec<Entity>,
    /// The dimensions.
    pub dimensions: Vec<Dimension>,
    /// Where the semantics are declared.
    pub place: Place,
}

/// A join key of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// The name that other models share.
    pub name: String,
    /// What the key promises.
    pub kind: EntityKind,
    /// A SQL expression over the model's columns.
    pub expr: String,
}

/// What an entity promises of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntityKind {
    /// One row per value, never null.
    Primary,
    /// One row per value.
    Unique,
    /// Any number of rows per value.
    Foreign,
    /// A key that repeats over time: one row per value and instant, by the validity columns.
    Natural,
}

/// Something to group or filter by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dimension {
    /// The name after the entity.
    pub name: String,
    /// A SQL expression over the model's columns.
    pub expr: String,
    /// Whether it is a time, and of which kind.
    pub kind: DimensionKind,
    /// The granularity that a time declares: `day`, `microsecond`; empty for labels.
    pub granularity: String,
}

impl Dimension {
    /// Whether its values are told apart within a day.
    #[must_use]
    pub fn finer_than_day(&self) -> bool {
        matches!(self.granularity.as_str(), "nanosecond" | "microsecond" | "millisecond" | "second" | "minute" | "hour")
    }
}

/// The kinds of dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DimensionKind {
    /// A label.
    Categorical,
    /// A time to count or to filter by.
    Time,
    /// The instant from which a row is valid, inclusive.
    ValidFrom,
    /// The instant until which a row is valid, exclusive.
    ValidTo,
}

impl Semantics {
    /// The dimension of a name.
    #[must_use]
    pub fn dimension(&self, name: &str) -> Option<&Dimension> {
        self.dimensions.iter().find(|d| d.name == name)
    }

    /// The entity of a name.
    #[must_use]
    pub fn entity(&self, name: &str) -> Option<&Entity> {
        self.entities.iter().find(|e| e.name == name)
    }

    /// The expression of a dimension or an entity of a name.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.dimension(name).map(|d| d.expr.as_str()).or_else(|| self.entity(name).map(|e| e.expr.as_str()))
    }
}

/// What a YAML file says about one model.
pub(crate) struct ModelEntry {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) semantics: Option<Semantics>,
    pub(crate) time_spine: Option<TimeSpine>,
    pub(crate) spine_granularity: Option<String>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) tests: Vec<DataTest>,
    pub(crate) findings: bool,
    pub(crate) incremental: Option<Incremental>,
    pub(crate) place: Place,
}

/// Reads one entry of a `models:` list.
pub(crate) fn read_model(file: &str, node: &Node, renderer: &Renderer<'_>, faults: &RefCell<Faults>) -> Option<ModelEntry> {
    let reader = MapReader::new(node, file, "model", faults);
    let name = reader.required("name")?;
    let reader = reader.named(format!("model `{name}`"));
    reader.ignore(&["config", "meta", "tags", "access", "docs", "columns", "derived_semantics", "constraints"]);
    let enabled = match reader.node("semantic_model").map(|n| &n.value) {
        None => false,
        Some(Value::Boolean(enabled)) => *enabled,
        Some(_) => reader.map("semantic_model").is_none_or(|options| {
            options.ignore(&["name", "group", "config"]);
            let enabled = options.boolean("enabled").unwrap_or(true);
            options.finish();
            enabled
        }),
    };
    let mut semantics =
        Semantics { primary_entity: reader.text("primary_entity"), agg_time_dimension: reader.text("agg_time_dimension"), place: reader.place(), ..Semantics::default() };
    let mut tests = read_tests(&reader, &Tested { table: &name, source: false, column: None, renderer });
    for column in reader.list("columns") {
        let nested = reader.nested(column, format!("{}: column", reader.what()));
        let column_name = column.get("name").and_then(Node::text).unwrap_or_default();
        tests.extend(read_tests(&nested, &Tested { table: &name, source: false, column: Some(&column_name), renderer }));
        read_column(&nested, &mut semantics);
    }
    if let Some(derived) = reader.map("derived_semantics") {
        read_derived(&derived, &mut semantics);
    }
    if semantics.primary_entity.is_none() {
        semantics.primary_entity = semantics.entities.iter().find(|e| e.kind == EntityKind::Primary).map(|e| e.name.clone());
    }
    let list = MetricList { file, model: Some(&name), renderer, faults };
    let metrics = reader.list("metrics").iter().filter_map(|metric| read_metric(metric, &list)).collect();
    let entry = ModelEntry {
        description: reader.text("description").unwrap_or_default(),
        spine_granularity: spine_granularity(node),
        time_spine: reader.map("time_spine").and_then(|spine| read_time_spine(&spine)),
        semantics: enabled.then_some(semantics),
        metrics,
        tests,
        findings: node.get("config").and_then(|config| config.get("meta")).and_then(|meta| meta.get("findings")).is_some_and(|value| value.value == Value::Boolean(true)),
        incremental: read_incremental(node, reader.what(), &Declared { file, renderer, faults }),
        place: reader.place(),
        name,
    };
    reader.finish();
    Some(entry)
}

/// The granularity that the column of the days declares.
fn spine_granularity(node: &Node) -> Option<String> {
    let column = node.get("time_spine")?.get("standard_granularity_column")?.text()?;
    let columns = node.get("columns").map(Node::items).unwrap_or_default();
    columns.iter().find(|found| found.get("name").and_then(Node::text).as_ref() == Some(&column))?.get("granularity")?.text()
}

fn read_column(reader: &MapReader<'_>, semantics: &mut Semantics) {
    let Some(name) = reader.required("name") else { return };
    reader.ignore(&["description", "data_type", "config", "meta", "tags", "quote", "constraints", "granularity"]);
    if let Some(node) = reader.node("entity") {
        let (kind, alias) = kind_and_name(reader, node);
        if let Some(kind) = kind.and_then(|k| entity_kind(reader, &k)) {
            semantics.entities.push(Entity { name: alias.unwrap_or_else(|| name.clone()), kind, expr: quoted(&name) });
        }
    }
    if let Some(node) = reader.node("dimension") {
        let (kind, alias) = kind_and_name(reader, node);
        let time = kind.as_deref() == Some("time");
        if let Some(kind) = kind.filter(|k| k != "time" && k != "categorical") {
            reader.unknown("dimension", "dimension type", &kind, ["categorical", "time"]);
        }
        if time && reader.node("granularity").is_none() {
            reader.fault(node.line, format!("{} `{name}`: a time dimension needs `granularity`", reader.what()));
        }
        semantics.dimensions.push(Dimension {
            name: alias.unwrap_or_else(|| name.clone()),
            expr: quoted(&name),
            kind: dimension_kind(node, time),
            granularity: reader.text("granularity").unwrap_or_default(),
        });
    }
    reader.finish();
}

fn read_derived(derived: &MapReader<'_>, semantics: &mut Semantics) {
    for node in derived.list("entities") {
        let reader = derived.nested(node, "derived entity");
        reader.ignore(&["description", "label", "config"]);
        let (name, kind, expr) = (reader.required("name"), reader.required("type"), reader.required("expr"));
        if let (Some(name), Some(kind), Some(expr)) = (name, kind.and_then(|k| entity_kind(&reader, &k)), expr) {
            semantics.entities.push(Entity { name, kind, expr });
        }
        reader.finish();
    }
    for node in derived.list("dimensions") {
        let reader = derived.nested(node, "derived dimension");
        reader.ignore(&["description", "label", "config", "is_partition", "validity_params"]);
        let (name, kind, expr) = (reader.required("name"), reader.required("type"), reader.required("expr"));
        if let (Some(name), Some(kind), Some(expr)) = (name, kind, expr) {
            let granularity = reader.text("granularity").unwrap_or_default();
            semantics.dimensions.push(Dimension { name, expr, kind: dimension_kind(node, kind == "time"), granularity });
        }
        reader.finish();
    }
    derived.finish();
}

/// `entity: primary` and `entity: {type: primary, name: x}` alike.
fn kind_and_name(reader: &MapReader<'_>, node: &Node) -> (Option<String>, Option<String>) {
    if node.entries().is_empty() {
        return (node.text(), None);
    }
    let nested = reader.nested(node, reader.what().to_owned());
    nested.ignore(&["description", "label", "config", "is_partition", "validity_params"]);
    let found = (nested.required("type"), nested.text("name"));
    nested.finish();
    found
}

fn entity_kind(reader: &MapReader<'_>, kind: &str) -> Option<EntityKind> {
    match kind {
        "primary" => Some(EntityKind::Primary),
        "unique" => Some(EntityKind::Unique),
        "foreign" => Some(EntityKind::Foreign),
        "natural" => Some(EntityKind::Natural),
        other => {
            reader.unknown("entity", "entity type", other, ["primary", "unique", "foreign", "natural"]);
            None
        }
    }
}

fn dimension_kind(node: &Node, time: bool) -> DimensionKind {
    let validity = |key| node.get("validity_params").and_then(|v| v.get(key)).is_some_and(|v| v.value == Value::Boolean(true));
    if validity("is_start") {
        DimensionKind::ValidFrom
    } else if validity("is_end") {
        DimensionKind::ValidTo
    } else if time {
        DimensionKind::Time
    } else {
        DimensionKind::Categorical
    }
}
