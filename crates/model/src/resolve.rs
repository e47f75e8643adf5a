//! What a group-by item means for the rows of a model: a column of its own, a key, or a column of a model that joins reach.
//!
//! In: an item such as `rep__team`, `customer__region__name` or `metric_time__month`. Out: the joins on the way and the column at its end.
//! Each entity in front of the column is one join, to the model that has the entity as its key. Nothing here can add rows:
//! the engine checks that every key is one.

use std::collections::BTreeSet;

use crate::model::{Dimension, DimensionKind, Entity, EntityKind, Model, Semantics};
use crate::nearest::nearest;
use crate::project::Project;
use crate::time_part::TimePart;

/// The word that names the time a metric is counted by.
const METRIC_TIME: &str = "metric_time";

/// What a group-by item means for the rows of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupItem<'a> {
    /// The joins from the model, in order; none for a column of its own.
    pub path: Vec<Hop<'a>>,
    /// The column at the end of the path.
    pub column: ItemColumn<'a>,
    /// What is shown of it, where the item says so: the period or a part of a time.
    pub part: Option<TimePart>,
}

/// One join, from an entity of a model to the model that has it as its key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hop<'a> {
    /// The entity in the model that is left.
    pub from: &'a Entity,
    /// The model that is reached.
    pub model: &'a Model,
    /// The entity there.
    pub to: &'a Entity,
}

/// The column that an item names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ItemColumn<'a> {
    /// The time that the metric is counted by.
    MetricTime,
    /// A dimension.
    Dimension(&'a Dimension),
    /// The key of an entity.
    Key(&'a Entity),
}

impl GroupItem<'_> {
    /// Whether the item is a time as it is stored: neither its period nor a part of it.
    #[must_use]
    pub fn is_bare_time(&self) -> bool {
        self.part.is_none() && is_time(self.column)
    }
}

/// Resolves an item such as `rep__team`, `customer__region__name`, `deal__created_at__week` or `customer` for a model.
///
/// Where the model itself has the column, that is meant; otherwise the item has to have one meaning.
///
/// # Errors
/// The message: an unknown item with the nearest one that the model has, a granularity of something that is no time,
/// or the paths of an item that has several meanings.
pub fn resolve_item<'a>(project: &'a Project, model: &str, item: &str) -> Result<GroupItem<'a>, String> {
    let words: Vec<&str> = item.split("__").collect();
    if let [METRIC_TIME, rest @ ..] = words.as_slice() {
        let part = match rest {
            [] => None,
            rest => Some(TimePart::parse(project, &rest.join("__"))?),
        };
        return Ok(GroupItem { path: Vec::new(), column: ItemColumn::MetricTime, part });
    }
    let start = project.models.get(model);
    if let Some(found) = only(model, item, meanings(project, start, &words))? {
        return Ok(found);
    }
    let Some((word, stem)) = words.split_last() else { return Err(unknown(project, model, item)) };
    let stem_item = stem.join("__");
    match only(model, &stem_item, meanings(project, start, stem))? {
        Some(found) if is_time(found.column) => match TimePart::parse(project, word) {
            Ok(part) => Ok(GroupItem { part: Some(part), ..found }),
            Err(message) => Err(format!("`{stem_item}`: {message}")),
        },
        Some(GroupItem { column: ItemColumn::Dimension(_), .. }) if TimePart::parse(project, word).is_ok() => {
            Err(format!("model `{model}`: `{stem_item}` is no time dimension, so it has no `{word}`"))
        }
        _ => Err(unknown(project, model, item)),
    }
}

/// Every item that a model's rows can be grouped by, over two joins at most, sorted; items with several meanings are left out.
#[must_use]
pub fn items_of(project: &Project, model: &str) -> Vec<String> {
    let Some((start, semantics)) = project.models.get(model).and_then(|m| Some((m, m.semantics.as_ref()?))) else { return Vec::new() };
    let mut items = BTreeSet::new();
    for prefix in prefixes(semantics) {
        items.extend(semantics.dimensions.iter().map(|d| format!("{prefix}__{}", d.name)));
    }
    for entity in &semantics.entities {
        items.insert(entity.name.clone());
        for hop in hops(project, start, entity) {
            items.extend(columns(hop).map(|name| format!("{}__{name}", entity.name)));
            for next in hop.model.semantics.iter().flat_map(|s| &s.entities).filter(|next| next.name != entity.name) {
                let further = hops(project, hop.model, next).filter(|far| far.model.name != start.name);
                items.extend(further.flat_map(columns).map(|name| format!("{}__{}__{name}", entity.name, next.name)));
            }
        }
    }
    items.into_iter().filter(|item| resolve_item(project, model, item).is_ok()).collect()
}

/// What a joined model brings to group by. The bounds of a version say when it holds; nobody groups by them.
fn columns(hop: Hop<'_>) -> impl Iterator<Item = &str> {
    let semantics = hop.model.semantics.iter();
    semantics.flat_map(move |s| {
        let labels = s.dimensions.iter().filter(|d| matches!(d.kind, DimensionKind::Categorical | DimensionKind::Time)).map(|d| d.name.as_str());
        labels.chain(s.entities.iter().filter(move |e| e.name != hop.to.name).map(|e| e.name.as_str()))
    })
}

/// Every meaning of an item without its granularity.
fn meanings<'a>(project: &'a Project, start: Option<&'a Model>, words: &[&str]) -> Vec<GroupItem<'a>> {
    let Some((start, semantics)) = start.and_then(|m| Some((m, m.semantics.as_ref()?))) else { return Vec::new() };
    let own = |column| vec![GroupItem { path: Vec::new(), column, part: None }];
    match words {
        [] => Vec::new(),
        [name] => semantics.entity(name).map(|entity| own(ItemColumn::Key(entity))).unwrap_or_default(),
        words => {
            if let [prefix, name] = words
                && prefixes(semantics).contains(prefix)
                && let Some(dimension) = semantics.dimension(name)
            {
                return own(ItemColumn::Dimension(dimension));
            }
            let mut found = Vec::new();
            walk(project, start, start, &mut Vec::new(), words, &mut found);
            found
        }
    }
}

/// Follows the entities in front of a column, along every join that there is.
fn walk<'a>(project: &'a Project, start: &Model, at: &'a Model, path: &mut Vec<Hop<'a>>, words: &[&str], found: &mut Vec<GroupItem<'a>>) {
    let [entity, rest @ ..] = words else { return };
    // An entity that has just been joined leads nowhere new.
    let Some(from) = at.semantics.as_ref().and_then(|s| s.entity(entity)).filter(|e| path.last().is_none_or(|hop| hop.from.name != e.name)) else { return };
    for hop in hops(project, at, from) {
        if hop.model.name == start.name || path.iter().any(|seen| seen.model.name == hop.model.name) {
            continue;
        }
        path.push(hop);
        match rest {
            [name] => {
                if let Some(column) = column(hop, name) {
                    found.push(GroupItem { path: path.clone(), column, part: None });
                }
            }
            rest => walk(project, start, hop.model, path, rest, found),
        }
        path.pop();
    }
}

fn column<'a>(hop: Hop<'a>, name: &str) -> Option<ItemColumn<'a>> {
    let semantics = hop.model.semantics.as_ref()?;
    let key = || semantics.entity(name).filter(|e| e.name != hop.to.name).map(ItemColumn::Key);
    semantics.dimension(name).map(ItemColumn::Dimension).or_else(key)
}

fn hops<'a>(project: &'a Project, at: &Model, from: &'a Entity) -> impl Iterator<Item = Hop<'a>> {
    let at = at.name.clone();
    project.models.values().filter(move |other| other.name != at).filter_map(move |model| {
        let to = model.semantics.as_ref()?.entity(&from.name)?;
        from.kind.joins(to.kind).then_some(Hop { from, model, to })
    })
}

impl EntityKind {
    /// Whether a join from it to another model's entity of its name keeps the rows of its own side: the other has to be a key. Versions do not
    /// join versions.
    #[must_use]
    pub fn joins(self, to: Self) -> bool {
        match to {
            Self::Primary | Self::Unique => true,
            Self::Natural => self != Self::Natural,
            Self::Foreign => false,
        }
    }
}

/// The entities that may stand in front of a model's own dimensions.
fn prefixes(semantics: &Semantics) -> Vec<&str> {
    let keys = semantics.entities.iter().filter(|e| e.kind != EntityKind::Foreign).map(|e| e.name.as_str());
    let mut all: Vec<&str> = semantics.primary_entity.as_deref().into_iter().collect();
    all.extend(keys.filter(|key| Some(*key) != semantics.primary_entity.as_deref()));
    all
}

fn is_time(column: ItemColumn<'_>) -> bool {
    match column {
        ItemColumn::MetricTime => true,
        ItemColumn::Dimension(dimension) => dimension.kind != DimensionKind::Categorical,
        ItemColumn::Key(_) => false,
    }
}

/// The meaning, where there is one.
fn only<'a>(model: &str, item: &str, mut found: Vec<GroupItem<'a>>) -> Result<Option<GroupItem<'a>>, String> {
    if found.len() < 2 {
        return Ok(found.pop());
    }
    let paths: Vec<String> = found.iter().map(|meaning| route(model, meaning)).collect();
    Err(format!("model `{model}`: `{item}` is ambiguous, it is reached by {} paths: {}", paths.len(), paths.join("; ")))
}

/// A path for people: each model, with the entity that leads to it.
fn route(model: &str, item: &GroupItem<'_>) -> String {
    item.path.iter().fold(format!("`{model}`"), |route, hop| format!("{route} -{}-> `{}`", hop.from.name, hop.model.name))
}

fn unknown(project: &Project, model: &str, item: &str) -> String {
    let items = items_of(project, model);
    let near = |name: &str| nearest(name, items.iter().map(String::as_str)).map(str::to_owned);
    // The granularity says nothing of the name before it.
    let stem = item.rsplit_once("__").filter(|(_, word)| TimePart::parse(project, word).is_ok());
    let found = stem.and_then(|(stem, word)| near(stem).map(|near| format!("{near}__{word}"))).or_else(|| near(item));
    let hint = found.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    format!("model `{model}` has no dimension `{item}`{hint}")
}

#[cfg(test)]
mod tests;
