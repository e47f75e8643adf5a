//! `export`: the definitions of a project in another tool's form, with a report of what that form cannot say.
//!
//! In: the project alone. Out: JSON, and one line for each loss; the same project gives the same text.

use quotient_model::{Filter, Grain, Project, quoted};
use serde_json::{Value, json};

use crate::workspace::Workspace;

mod metricflow;
mod ossie;

/// The forms that definitions can have elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// A semantic manifest, as dbt writes it and MetricFlow reads it.
    Metricflow,
    /// A semantic model of Apache Ossie, formerly Open Semantic Interchange, version 0.1.1, which dbt 1.12 reads.
    Ossie,
}

/// Definitions in another form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The definitions, as JSON.
    pub text: String,
    /// What the form cannot say, each as a sentence without a full stop.
    pub losses: Vec<String>,
}

impl Workspace {
    /// Writes the definitions in another form; the lake is not touched.
    #[must_use]
    pub fn export(&self, format: ExportFormat) -> Exported {
        let (value, mut losses) = match format {
            ExportFormat::Metricflow => metricflow::manifest(&self.project),
            ExportFormat::Ossie => ossie::document(&self.project),
        };
        losses.extend(common_losses(&self.project));
        Exported { text: format!("{value:#}\n"), losses }
    }
}

/// What neither form can say.
fn common_losses(project: &Project) -> Vec<String> {
    let mut losses = vec![
        "the SQL of the models: both forms name tables, here `main.<model>`, which dbt has to build".to_owned(),
        "the descriptions of columns".to_owned(),
        format!("the time zone `{}`: an instant gets its day in the zone of whoever asks", project.calendar.zone),
    ];
    if project.calendar.week_start != chrono::Weekday::Mon {
        losses.push(format!("weeks from {}: elsewhere they start on Monday", project.calendar.week_start));
    }
    for metric in project.metrics.values() {
        if let Some(days) = project.mature_after(metric) {
            losses.push(format!("metric `{}`: its values are not marked as incomplete for {days} days after the period", metric.name));
        }
    }
    losses
}

/// A relation of a model: its schema is dbt's default.
fn relation(model: &str) -> Value {
    json!({"alias": model, "schema_name": "main", "database": null, "relation_name": format!("\"main\".\"{model}\"")})
}

/// An expression without quotes where it is a plain name in them, so that engines with other quotes read it too.
fn plain(expr: &str) -> &str {
    let inside = expr.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inside.filter(|name| is_name(name)).unwrap_or(expr)
}

/// Whether a text is an identifier that no engine needs quotes for.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_') && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// `TimeDimension('metric_time', 'month')` of `metric_time__month`, and its like.
fn call_of(project: &Project, item: &str) -> String {
    let words: Vec<&str> = item.split("__").collect();
    let Some((last, stem)) = words.split_last() else { return String::new() };
    let is_time = stem.len() > 1 || stem == ["metric_time"];
    if is_time && Grain::parse(last).is_some_and(|grain| grain.name() == *last) {
        return format!("TimeDimension('{}', '{last}')", stem.join("__"));
    }
    if let (true, Some(part)) = (is_time, last.strip_prefix("extract_")) {
        return format!("Dimension('{}').date_part('{part}')", stem.join("__"));
    }
    let is_entity = project.models.values().filter_map(|model| model.semantics.as_ref()).any(|semantics| semantics.entity(last).is_some());
    if item == "metric_time" {
        "TimeDimension('metric_time')".to_owned()
    } else if !is_entity {
        format!("Dimension('{item}')")
    } else if stem.is_empty() {
        format!("Entity('{item}')")
    } else {
        format!("Entity('{last}', entity_path=['{}'])", stem.join("', '"))
    }
}

/// A filter as dbt writes it: with functions where it has columns.
fn template_of(project: &Project, filter: &Filter) -> String {
    let mut template = filter.sql.clone();
    for item in &filter.items {
        template = template.replace(&quoted(item), &format!("{{{{ {} }}}}", call_of(project, item)));
    }
    for read in &filter.metrics {
        let call = format!("{{{{ Metric('{}', group_by=['{}']) }}}}", read.name, read.group_by.join("', '"));
        template = template.replace(&quoted(&read.column), &call);
    }
    template
}

#[cfg(test)]
mod tests;
