//! What a group-by item means for the rows of a model: a column of its own, a key, or a column of a joined model.
//!
//! Joins go one step, from an entity of the model to the model that has it as its key. Nothing here can add rows:
//! the engine checks that the key is one.

use crate::model::{Dimension, DimensionKind, Entity, EntityKind, Model, Semantics};
use crate::nearest::nearest;
use crate::project::Project;

/// What a group-by item means for the rows of a model.
#[derive(Debug, Clone, Copy)]
pub enum GroupItem<'a> {
    /// A dimension of the model itself.
    Own(&'a Dimension),
    /// The key of an entity that the model has.
    Key(&'a Entity),
    /// A dimension of another model, reached by an entity.
    Joined {
        /// The entity in the model.
        from: &'a Entity,
        /// The model that has it as its key.
        model: &'a Model,
        /// The entity there.
        to: &'a Entity,
        /// The dimension there.
        dimension: &'a Dimension,
    },
}

/// Resolves an item such as `rep__team` or `customer` for a model.
///
/// # Errors
/// The message, with the nearest item that the model has.
pub fn resolve_item<'a>(project: &'a Project, model: &str, item: &str) -> Result<GroupItem<'a>, String> {
    let unknown = || {
        let items = items_of(project, model);
        let hint = nearest(item, items.iter().map(String::as_str)).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
        format!("model `{model}` has no dimension `{item}`{hint}")
    };
    let semantics = semantics_of(project, model).ok_or_else(unknown)?;
    let Some((entity, name)) = item.split_once("__") else {
        return semantics.entity(item).map(GroupItem::Key).ok_or_else(unknown);
    };
    if semantics.primary_entity.as_deref() == Some(entity)
        && let Some(dimension) = semantics.dimension(name)
    {
        return Ok(GroupItem::Own(dimension));
    }
    let from = semantics.entity(entity).ok_or_else(unknown)?;
    joined(project, model, from).find_map(|(model, to, semantics)| semantics.dimension(name).map(|dimension| GroupItem::Joined { from, model, to, dimension })).ok_or_else(unknown)
}

/// Every item that a model's rows can be grouped by, sorted.
#[must_use]
pub fn items_of(project: &Project, model: &str) -> Vec<String> {
    let Some(semantics) = semantics_of(project, model) else { return Vec::new() };
    let mut items = Vec::new();
    if let Some(primary) = &semantics.primary_entity {
        items.extend(semantics.dimensions.iter().map(|d| format!("{primary}__{}", d.name)));
    }
    for entity in &semantics.entities {
        items.push(entity.name.clone());
        for (_, _, other) in joined(project, model, entity) {
            // The bounds of a version say when it holds; nobody groups by them.
            let labels = other.dimensions.iter().filter(|d| matches!(d.kind, DimensionKind::Categorical | DimensionKind::Time));
            items.extend(labels.map(|d| format!("{}__{}", entity.name, d.name)));
        }
    }
    items.sort();
    items
}

fn joined<'a>(project: &'a Project, model: &str, from: &Entity) -> impl Iterator<Item = (&'a Model, &'a Entity, &'a Semantics)> {
    let (model, entity) = (model.to_owned(), from.name.clone());
    project.models.values().filter(move |other| other.name != model).filter_map(move |other| {
        let semantics = other.semantics.as_ref()?;
        let to = semantics.entity(&entity).filter(|e| e.kind != EntityKind::Foreign)?;
        Some((other, to, semantics))
    })
}

fn semantics_of<'a>(project: &'a Project, model: &str) -> Option<&'a Semantics> {
    project.models.get(model).and_then(|m| m.semantics.as_ref())
}
