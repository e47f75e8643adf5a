//! Job files: what runs, for which periods, into which tables.

use std::cell::RefCell;

use crate::fault::{Faults, Place, ProjectError};
use crate::grain::Grain;
use crate::jinja::Renderer;
use crate::metric::MetricKind;
use crate::project::Project;
use crate::reader::MapReader;
use crate::resolve::resolve_item;
use crate::validate::inputs_of;
use crate::yaml::Node;

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The name, part of every run's identity.
    pub name: String,
    /// When a scheduler runs it, as a cron line in the project's time zone.
    pub schedule: Option<String>,
    /// Where the result tables lie: a folder or a URL.
    pub results: String,
    /// The grains of every table, from fine to coarse.
    pub grains: Vec<Grain>,
    /// The tables.
    pub tables: Vec<JobTable>,
}

/// One result table of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobTable {
    /// The name of the table.
    pub name: String,
    /// Its metrics, a column each.
    pub metrics: Vec<String>,
    /// Its slices: lists of dimensions, the empty list is the total.
    pub slices: Vec<Vec<String>>,
    /// The grains of this table.
    pub grains: Vec<Grain>,
    /// Where it is declared.
    pub place: Place,
}

impl Job {
    /// Parses a job file and checks its names against a project.
    ///
    /// # Errors
    /// Every fault of the file.
    pub fn parse(file: &str, text: &str, project: &Project) -> Result<Self, ProjectError> {
        let faults = RefCell::new(Faults::default());
        let job = match Node::parse(text) {
            Ok(node) => read_job(&MapReader::new(&node, file, "job", &faults), project),
            Err((line, message)) => {
                let place = Place { file: file.to_owned(), line };
                faults.borrow_mut().add(&place, format!("bad YAML: {message}"));
                None
            }
        };
        let faults = faults.into_inner().into_sorted();
        match job {
            Some(job) if faults.is_empty() => Ok(job),
            _ => Err(ProjectError { faults }),
        }
    }
}

fn read_job(reader: &MapReader<'_>, project: &Project) -> Option<Job> {
    let name = reader.required("name");
    let renderer = Renderer::new(&project.context, []);
    let results = reader
        .required("results")
        .and_then(|template| renderer.text(&template).map_err(|message| reader.fault(reader.place_of("results").line, format!("job `results`: {message}"))).ok());
    let schedule = reader.text("schedule");
    let grains = match reader.map("periods") {
        None => Grain::ALL.to_vec(),
        Some(periods) => {
            let grains = read_grains(&periods);
            periods.finish();
            grains
        }
    };
    let mut tables: Vec<JobTable> = Vec::new();
    for node in reader.list("tables") {
        let Some(table) = read_table(&reader.nested(node, "table"), &grains, project) else { continue };
        if tables.iter().any(|t| t.name == table.name) {
            reader.fault(node.line, format!("table `{}` is there twice", table.name));
        }
        tables.push(table);
    }
    if tables.is_empty() {
        reader.fault(reader.place().line, "job: expected at least one table, found none");
    }
    reader.finish();
    Some(Job { name: name?, schedule, results: results?, grains, tables })
}

fn read_grains(periods: &MapReader<'_>) -> Vec<Grain> {
    let mut grains = Vec::new();
    for (text, line) in periods.texts("grains") {
        match Grain::parse(&text) {
            Some(grain) if !grains.contains(&grain) => grains.push(grain),
            Some(_) => periods.fault(line, format!("grain `{text}` is there twice")),
            None => periods.unknown("grains", "granularity", &text, Grain::ALL.map(Grain::name)),
        }
    }
    grains.sort();
    grains
}

/// Names that result tables of every job have; a job's own table cannot take them.
pub const RESERVED_TABLES: [&str; 7] = ["kpi_values", "kpi_dictionary", "kpi_runs", "kpi_findings", "kpi_restatements", "dim_period", "dim_date"];

fn read_table(reader: &MapReader<'_>, grains: &[Grain], project: &Project) -> Option<JobTable> {
    let name = reader.required("name")?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || name.is_empty() {
        reader.fault(reader.place_of("name").line, format!("table name `{name}`: expected letters, digits and underscores"));
    }
    if RESERVED_TABLES.contains(&name.as_str()) {
        reader.fault(reader.place_of("name").line, format!("table name `{name}` is one of the result tables that every job has"));
    }
    let metrics: Vec<String> = reader.texts("metrics").into_iter().map(|(text, _)| text).collect();
    for metric in &metrics {
        if !project.metrics.contains_key(metric) {
            reader.unknown("metrics", "metric", metric, project.metrics.keys().map(String::as_str));
        }
    }
    if metrics.is_empty() {
        reader.fault(reader.place().line, format!("table `{name}`: expected at least one metric, found none"));
    }
    let mut slices = Vec::new();
    for node in reader.list("slices") {
        let slice: Vec<String> = node.items().iter().filter_map(Node::text).collect();
        for item in &slice {
            if item.starts_with("metric_time") {
                reader.fault(node.line, format!("table `{name}`: a slice has dimensions only, found `{item}`"));
            }
        }
        for metric in &metrics {
            for item in &slice {
                if let Err(message) = sliceable(project, metric, item) {
                    reader.fault(node.line, format!("table `{name}`: {message}"));
                }
            }
        }
        if slices.contains(&slice) {
            reader.fault(node.line, format!("table `{name}`: slice [{}] is there twice", slice.join(", ")));
        }
        slices.push(slice);
    }
    if slices.is_empty() {
        slices.push(Vec::new());
    }
    let own_grains = reader.map("periods").map(|periods| {
        let grains = read_grains(&periods);
        periods.finish();
        grains
    });
    let table = JobTable { name, metrics, slices, grains: own_grains.unwrap_or_else(|| grains.to_vec()), place: reader.place() };
    reader.finish();
    Some(table)
}

/// Whether every fact behind a metric can be grouped by an item.
fn sliceable(project: &Project, metric: &str, item: &str) -> Result<(), String> {
    let Some(found) = project.metrics.get(metric) else { return Ok(()) };
    if let MetricKind::Simple(simple) = &found.kind {
        return resolve_item(project, &simple.model, item).map(|_| ()).map_err(|message| format!("metric `{metric}`: {message}"));
    }
    inputs_of(found).into_iter().try_for_each(|input| sliceable(project, &input.metric, item))
}

#[cfg(test)]
mod tests;
