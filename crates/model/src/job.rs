//! Job files: what runs, for which periods, into which tables.

use std::cell::RefCell;

use crate::fault::{Faults, Place, ProjectError};
use crate::grain::Grain;
use crate::jinja::{Filter, Renderer};
use crate::metric::MetricKind;
use crate::nearest::nearest;
use crate::project::Project;
use crate::reader::MapReader;
use crate::resolve::resolve_item;
use crate::validate::inputs_of;
use crate::yaml::Node;

mod cron_line;
mod policy;

use cron_line::read_schedule;
use policy::read_policy;
pub use policy::{CatchUp, LineageTarget, OnFailure, Policy, Retries};

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
    /// Metrics without which it is no run: the lake must have what they need.
    pub required: Vec<String>,
    /// How it is run: missed runs, time-outs, retries, and who is told.
    pub policy: Policy,
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
    /// Conditions on the rows of every fact, from a saved query; cells under conditions are in no table but this one.
    pub filters: Vec<Filter>,
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
    let schedule = read_schedule(reader);
    let policy = read_policy(reader, &renderer);
    let grains = match reader.map("periods") {
        None => Grain::STANDARD.to_vec(),
        Some(periods) => {
            let grains = read_grains(&periods, project);
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
    let mut required = Vec::new();
    for (metric, line) in reader.texts("required") {
        if !tables.iter().any(|table| table.metrics.contains(&metric)) {
            let message = format!("required metric `{metric}` is in no table of the job");
            match nearest(&metric, tables.iter().flat_map(|table| &table.metrics).map(String::as_str)) {
                Some(near) => reader.fault_with_hint(line, message, format!("did you mean `{near}`?")),
                None => reader.fault(line, message),
            }
        }
        required.push(metric);
    }
    reader.finish();
    Some(Job { name: name?, schedule, results: results?, grains, tables, required, policy })
}

fn read_grains(periods: &MapReader<'_>, project: &Project) -> Vec<Grain> {
    let known = project.grains();
    let mut grains = Vec::new();
    for (text, line) in periods.texts("grains") {
        match Grain::parse(&text) {
            Some(grain) if !known.contains(&grain) => periods.fault_with_hint(
                line,
                format!("granularity `{grain}` is not declared by the project's time spine"),
                "list it under `custom_granularities` of the model with `time_spine:`",
            ),
            Some(grain) if !grains.contains(&grain) => grains.push(grain),
            Some(_) => periods.fault(line, format!("grain `{text}` is there twice")),
            None => periods.unknown("grains", "granularity", &text, known.iter().map(|grain| grain.name())),
        }
    }
    grains.sort();
    grains
}

/// Names that result tables of every job have; a job's own table cannot take them.
pub const RESERVED_TABLES: [&str; 8] = ["kpi_values", "kpi_dictionary", "kpi_runs", "kpi_findings", "kpi_restatements", "kpi_ledger", "dim_period", "dim_date"];

fn read_table(reader: &MapReader<'_>, grains: &[Grain], project: &Project) -> Option<JobTable> {
    if let Some(saved) = reader.text("saved_query") {
        return Some(read_saved_table(reader, &saved, grains, project));
    }
    let name = reader.required("name")?;
    check_name(reader, &name);
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
    let grains = own_grains(reader, project).unwrap_or_else(|| grains.to_vec());
    let table = JobTable { name, metrics, slices, grains, filters: Vec::new(), place: reader.place() };
    reader.finish();
    Some(table)
}

fn check_name(reader: &MapReader<'_>, name: &str) {
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || name.is_empty() {
        reader.fault(reader.place_of("name").line, format!("table name `{name}`: expected letters, digits and underscores"));
    }
    if RESERVED_TABLES.contains(&name) {
        reader.fault(reader.place_of("name").line, format!("table name `{name}` is one of the result tables that every job has"));
    }
}

fn own_grains(reader: &MapReader<'_>, project: &Project) -> Option<Vec<Grain>> {
    let periods = reader.map("periods")?;
    let grains = read_grains(&periods, project);
    periods.finish();
    Some(grains)
}

/// A table that is a saved query: its metrics, conditions and one slice, by the grains of its `metric_time`.
fn read_saved_table(reader: &MapReader<'_>, saved: &str, grains: &[Grain], project: &Project) -> JobTable {
    let mut table = JobTable { name: saved.to_owned(), metrics: Vec::new(), slices: Vec::new(), grains: grains.to_vec(), filters: Vec::new(), place: reader.place() };
    let (name, periods) = (reader.text("name"), own_grains(reader, project));
    reader.finish();
    let Some(query) = project.saved_queries.get(saved) else {
        reader.unknown("saved_query", "saved query", saved, project.saved_queries.keys().map(String::as_str));
        return table;
    };
    table.name = name.unwrap_or_else(|| query.table().to_owned());
    check_name(reader, &table.name);
    let fault = |message: &str| reader.fault(reader.place_of("saved_query").line, format!("table `{}`: saved query `{saved}` {message}", table.name));
    if query.limit.is_some() {
        fault("has a `limit`, and a result table has every row");
    }
    let (mut times, mut slice) = (Vec::new(), Vec::new());
    for item in &query.group_by {
        let Some(word) = item.strip_prefix("metric_time") else {
            slice.push(item.clone());
            continue;
        };
        match Grain::parse(word.strip_prefix("__").unwrap_or("day")) {
            Some(grain) => times.push(grain),
            None => fault(&format!("is grouped by `{item}`, and the periods of a result table have a granularity")),
        }
    }
    times.sort();
    times.dedup();
    if !times.is_empty() && periods.is_some() {
        fault("says its periods itself, and `periods` says others");
    }
    table.metrics.clone_from(&query.metrics);
    table.filters.clone_from(&query.filters);
    table.slices = vec![slice];
    if !times.is_empty() {
        table.grains = times;
    } else if let Some(periods) = periods {
        table.grains = periods;
    }
    table
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
