//! Saved queries: questions with a name, and the tables that their answers are exported to.
//!
//! In: dbt's `saved_queries:` in YAML. Out: [`SavedQuery`], its group-bys as items such as `rep__team` and `metric_time__month`;
//! whatever cannot be read, or names what the project does not have, is a fault.

use std::cell::RefCell;

use crate::fault::{Faults, Place};
use crate::filter_check::{check_filter, facts_of};
use crate::jinja::Filter;
use crate::project::Project;
use crate::reader::MapReader;
use crate::resolve::resolve_item;
use crate::yaml::Node;

/// A question with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedQuery {
    /// The name.
    pub name: String,
    /// The label for people; empty where none is given.
    pub label: String,
    /// What it answers.
    pub description: String,
    /// The metrics, in the order of the columns.
    pub metrics: Vec<String>,
    /// What it is grouped by, as items: `metric_time__month`, `rep__team`, `customer`.
    pub group_by: Vec<String>,
    /// Its conditions as they are written.
    pub templates: Vec<String>,
    /// The same conditions, parsed.
    pub filters: Vec<Filter>,
    /// Columns to order by; `-name` descends.
    pub order_by: Vec<String>,
    /// How many rows at most.
    pub limit: Option<usize>,
    /// Where its answer is written to.
    pub exports: Vec<Export>,
    /// Where it is declared.
    pub place: Place,
}

/// A table that an answer is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Export {
    /// The name.
    pub name: String,
    /// A table or a view; results on a lake are tables either way.
    pub kind: ExportKind,
    /// The schema that dbt writes it to; without meaning on a lake.
    pub schema: Option<String>,
    /// The name of the table, where it is not the export's.
    pub alias: Option<String>,
}

/// What dbt makes of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportKind {
    /// A table.
    Table,
    /// A view.
    View,
}

impl SavedQuery {
    /// The name of the table that its answer is written to: the alias or name of the first export, or its own.
    #[must_use]
    pub fn table(&self) -> &str {
        self.exports.first().map_or(&self.name, |export| export.alias.as_ref().unwrap_or(&export.name))
    }
}

/// A saved query as it was read, with the lines of the names in it.
pub(crate) struct SavedQueryEntry {
    pub(crate) query: SavedQuery,
    metrics: Vec<usize>,
    group_by: Vec<usize>,
    filters: Vec<usize>,
    order_by: Vec<usize>,
}

/// Reads one entry of a `saved_queries:` list.
pub(crate) fn read_saved_query(file: &str, node: &Node, faults: &RefCell<Faults>) -> Option<SavedQueryEntry> {
    let reader = MapReader::new(node, file, "saved query", faults);
    let name = reader.required("name")?;
    let reader = reader.named(format!("saved query `{name}`"));
    reader.ignore(&["config", "tags", "group", "meta"]);
    let (label, description) = (reader.text("label").unwrap_or_default(), reader.text("description").unwrap_or_default());
    let exports = reader.list("exports").iter().filter_map(|node| read_export(&reader, node)).collect();
    let Some(params) = reader.map("query_params") else {
        reader.fault(reader.place().line, format!("{}: missing key `query_params`", reader.what()));
        return None;
    };
    let place = reader.place();
    reader.finish();
    let (metrics, metric_lines): (Vec<String>, Vec<usize>) = params.texts("metrics").into_iter().unzip();
    if metrics.is_empty() {
        params.fault(params.place().line, format!("{}: expected at least one metric, found none", reader.what()));
    }
    let (group_by, group_lines) = read_items(&params, "group_by", &item_of);
    let (order_by, order_lines) = read_items(&params, "order_by", &order_of);
    let (mut templates, mut filters, mut filter_lines) = (Vec::new(), Vec::new(), Vec::new());
    for (template, line) in params.texts("where") {
        match Filter::parse(&template) {
            Ok(filter) => {
                templates.push(template);
                filters.push(filter);
                filter_lines.push(line);
            }
            Err(message) => params.fault(line, format!("{}: where: {message}", reader.what())),
        }
    }
    let limit = params.integer("limit");
    if limit.is_some_and(|limit| limit < 1) {
        params.fault(params.place_of("limit").line, format!("{}: expected `limit` above 0", reader.what()));
    }
    params.finish();
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let query = SavedQuery { name, label, description, metrics, group_by, templates, filters, order_by, limit, exports, place };
    Some(SavedQueryEntry { query, metrics: metric_lines, group_by: group_lines, filters: filter_lines, order_by: order_lines })
}

fn read_export(outer: &MapReader<'_>, node: &Node) -> Option<Export> {
    let reader = outer.nested(node, format!("{}: export", outer.what()));
    let name = reader.required("name");
    let (mut kind, mut schema, mut alias) = (Some(ExportKind::Table), None, None);
    if let Some(config) = reader.map("config") {
        config.ignore(&["database", "enabled", "meta", "tags"]);
        kind = match config.text("export_as").as_deref() {
            None | Some("table") => Some(ExportKind::Table),
            Some("view") => Some(ExportKind::View),
            Some(other) => {
                config.unknown("export_as", "export type", other, ["table", "view"]);
                None
            }
        };
        schema = config.text("schema");
        alias = config.text("alias");
        config.finish();
    }
    reader.finish();
    Some(Export { name: name?, kind: kind?, schema, alias })
}

fn read_items(params: &MapReader<'_>, key: &'static str, read: &dyn Fn(&str) -> Result<String, String>) -> (Vec<String>, Vec<usize>) {
    let (mut items, mut lines) = (Vec::new(), Vec::new());
    for (text, line) in params.texts(key) {
        match read(&text) {
            Ok(item) => {
                items.push(item);
                lines.push(line);
            }
            Err(message) => params.fault(line, format!("{}: `{text}`: {message}", params.what())),
        }
    }
    (items, lines)
}

/// `Dimension('rep__team')` and `rep__team` alike.
fn item_of(text: &str) -> Result<String, String> {
    let text = text.trim();
    if !text.contains('(') {
        return Ok(text.to_owned());
    }
    let found = Filter::parse(&format!("{{{{ {text} }}}}"))?;
    match found.items.as_slice() {
        [item] => Ok(item.clone()),
        _ => Err("expected one dimension or entity".to_owned()),
    }
}

/// As a group-by, or `Metric('revenue')`; with a minus in front or `.descending(True)` behind.
fn order_of(text: &str) -> Result<String, String> {
    let (text, minus) = text.trim().strip_prefix('-').map_or((text.trim(), false), |rest| (rest, true));
    let (text, falls) = match text.split_once(".descending(") {
        Some((rest, given)) => (rest, given.trim_end_matches(')').trim().eq_ignore_ascii_case("true")),
        None => (text, false),
    };
    let name = match text.strip_prefix("Metric(").and_then(|rest| rest.strip_suffix(')')) {
        Some(quoted) => quoted.trim().trim_matches(['\'', '"']).to_owned(),
        None => item_of(text)?,
    };
    Ok(if minus || falls { format!("-{name}") } else { name })
}

/// Reports every name in a saved query that the project does not have.
pub(crate) fn check_saved_query(project: &Project, entry: &SavedQueryEntry, faults: &mut Faults) {
    let query = &entry.query;
    let place = |line: usize| Place { file: query.place.file.clone(), line };
    let what = format!("saved query `{}`", query.name);
    let mut facts: Vec<&str> = Vec::new();
    for (name, line) in query.metrics.iter().zip(&entry.metrics) {
        match project.metrics.get(name) {
            Some(metric) => facts.extend(facts_of(project, metric)),
            None => faults.unknown(&place(*line), &format!("metric of {what}:"), name, project.metrics.keys().map(String::as_str)),
        }
    }
    facts.sort_unstable();
    facts.dedup();
    for fact in &facts {
        for (item, line) in query.group_by.iter().zip(&entry.group_by) {
            if let Err(message) = resolve_item(project, fact, item) {
                faults.add(&place(*line), format!("{what}: {message}"));
            }
        }
        for (filter, line) in query.filters.iter().zip(&entry.filters) {
            for message in check_filter(project, fact, filter) {
                faults.add(&place(*line), format!("{what}: where: {message}"));
            }
        }
    }
    for (name, line) in query.order_by.iter().zip(&entry.order_by) {
        let name = name.trim_start_matches('-');
        if !query.metrics.iter().chain(&query.group_by).any(|known| known == name) {
            faults.unknown(&place(*line), &format!("column to order {what} by:"), name, query.metrics.iter().chain(&query.group_by).map(String::as_str));
        }
    }
}

#[cfg(test)]
mod tests;
