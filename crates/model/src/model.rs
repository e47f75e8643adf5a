//! SQL models and their semantics: entities, dimensions, the time that facts are counted by.

use std::cell::RefCell;

use indexmap::IndexMap;

use crate::fault::{Faults, Place};
use crate::jinja::quoted;
use crate::metric::{Metric, read_metric};
use crate::reader::MapReader;
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
    /// The standard granularity column, if this is the project's time spine.
    pub time_spine: Option<String>,
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
}

/// What a YAML file says about one model.
pub(crate) struct ModelEntry {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) semantics: Option<Semantics>,
    pub(crate) time_spine: Option<String>,
    pub(crate) metrics: IndexMap<String, Metric>,
    pub(crate) place: Place,
}

/// Reads one entry of a `models:` list.
pub(crate) fn read_model(file: &str, node: &Node, faults: &RefCell<Faults>) -> Option<ModelEntry> {
    let reader = MapReader::new(node, file, "model", faults);
    let name = reader.required("name")?;
    let reader = reader.named(format!("model `{name}`"));
    reader.ignore(&["config", "meta", "data_tests", "tests", "tags", "access", "docs", "columns", "derived_semantics", "constraints"]);
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
    for column in reader.list("columns") {
        read_column(&reader.nested(column, format!("{}: column", reader.what())), &mut semantics);
    }
    if let Some(derived) = reader.map("derived_semantics") {
        read_derived(&derived, &mut semantics);
    }
    if semantics.primary_entity.is_none() {
        semantics.primary_entity = semantics.entities.iter().find(|e| e.kind == EntityKind::Primary).map(|e| e.name.clone());
    }
    let mut metrics = IndexMap::new();
    for metric in reader.list("metrics") {
        if let Some(metric) = read_metric(file, metric, Some(&name), faults) {
            metrics.insert(metric.name.clone(), metric);
        }
    }
    let entry = ModelEntry {
        description: reader.text("description").unwrap_or_default(),
        time_spine: reader.map("time_spine").and_then(|spine| {
            let column = spine.required("standard_granularity_column");
            spine.ignore(&["custom_granularities"]);
            spine.finish();
            column
        }),
        semantics: enabled.then_some(semantics),
        metrics,
        place: reader.place(),
        name,
    };
    reader.finish();
    Some(entry)
}

fn read_column(reader: &MapReader<'_>, semantics: &mut Semantics) {
    let Some(name) = reader.required("name") else { return };
    reader.ignore(&["description", "data_type", "data_tests", "tests", "config", "meta", "tags", "quote", "constraints", "granularity"]);
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
        semantics.dimensions.push(Dimension { name: alias.unwrap_or_else(|| name.clone()), expr: quoted(&name), kind: dimension_kind(node, time) });
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
        reader.ignore(&["description", "label", "config", "granularity", "is_partition", "validity_params"]);
        let (name, kind, expr) = (reader.required("name"), reader.required("type"), reader.required("expr"));
        if let (Some(name), Some(kind), Some(expr)) = (name, kind, expr) {
            semantics.dimensions.push(Dimension { name, expr, kind: dimension_kind(node, kind == "time") });
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
