//! `docs`: the dictionary of the metrics for people, as Markdown and as one page that searches.
//!
//! In: the project alone. Out: two texts; the same project gives the same texts, whatever the as-of.

use indexmap::IndexMap;
use quotient_model::{Metric, Model, Project, facts_of};

use crate::error::JobError;
use crate::explain::Explanation;
use crate::workspace::Workspace;

mod markdown;
mod page;

/// The dictionary in both forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Docs {
    /// For a repository.
    pub markdown: String,
    /// One page that needs no other file and no network.
    pub html: String,
}

/// Everything that both forms show.
pub(crate) struct Dictionary<'a> {
    pub(crate) project: &'a Project,
    /// The metrics of each family, in the order of the project.
    pub(crate) families: IndexMap<String, Vec<Entry<'a>>>,
    /// The models whose rows metrics count.
    pub(crate) facts: Vec<Fact<'a>>,
}

/// One metric.
pub(crate) struct Entry<'a> {
    pub(crate) metric: &'a Metric,
    pub(crate) explained: Explanation,
    /// The models whose rows it counts, itself or through its inputs.
    pub(crate) facts: Vec<&'a str>,
}

/// A model whose rows metrics count.
pub(crate) struct Fact<'a> {
    pub(crate) model: &'a Model,
    /// What its metrics can be grouped by.
    pub(crate) slices: Vec<String>,
}

impl Workspace {
    /// Writes the dictionary; the lake is not touched.
    ///
    /// # Errors
    /// None that a project can cause.
    pub fn docs(&self) -> Result<Docs, JobError> {
        let dictionary = self.dictionary()?;
        Ok(Docs { markdown: markdown::write(&dictionary), html: page::write(&dictionary) })
    }

    fn dictionary(&self) -> Result<Dictionary<'_>, JobError> {
        let project = &self.project;
        let mut families: IndexMap<String, Vec<Entry<'_>>> = IndexMap::new();
        for metric in project.metrics.values() {
            let entry = Entry { metric, explained: self.explain(&metric.name)?, facts: facts_of(project, metric) };
            families.entry(family_of(&metric.place.file)).or_default().push(entry);
        }
        let counted = |name: &str| families.values().flatten().any(|entry| entry.facts.contains(&name));
        let facts = project.models.values().filter(|model| counted(&model.name)).map(|model| Fact { model, slices: quotient_model::items_of(project, &model.name) }).collect();
        Ok(Dictionary { project, families, facts })
    }
}

impl Entry<'_> {
    /// What is said of it in a table: properties that are there, in the order of reading.
    pub(crate) fn properties(&self) -> Vec<(&'static str, String)> {
        let meta = &self.metric.meta;
        let mature = self.explained.mature_after.map(|days| format!("{days} days after the end of the period")).unwrap_or_default();
        let all = [
            ("Formula", meta.formula.clone()),
            ("Unit", meta.unit.clone()),
            ("Better", meta.better.clone()),
            ("Additivity", meta.additivity.replace('_', "-")),
            ("Null", meta.null_rule.clone()),
            ("Final", mature),
            ("Type", self.explained.kind.clone()),
            ("Source", meta.source.clone()),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }
}

/// `sales_cycle` of `models/sales_cycle/sales_cycle.yml`: the folder, or the file where it lies in no folder of its own.
fn family_of(file: &str) -> String {
    let parts: Vec<&str> = file.split('/').collect();
    let stem = |name: &str| name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
    match parts.as_slice() {
        [_, .., folder, _] => (*folder).to_owned(),
        [.., name] => stem(name),
        [] => String::new(),
    }
}

/// `Sales cycle` of `sales_cycle`.
pub(crate) fn title_of(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::{family_of, title_of};

    #[test]
    fn a_family_is_a_folder() {
        assert_eq!(family_of("models/sales_cycle/sales_cycle.yml"), "sales_cycle");
        assert_eq!(family_of("models/a/b/c.yml"), "b");
        assert_eq!(family_of("models/orders.yml"), "orders");
        assert_eq!(title_of("four_ps"), "Four ps");
    }
}
