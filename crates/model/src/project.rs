//! A project: everything that `dbt_project.yml` and the files beside it say, parsed and checked in one pass.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use crate::calendar::{Calendar, read_calendar};
use crate::data_test::DataTest;
use crate::docs_block::DocsBlocks;
use crate::exposure::{Exposure, check_exposure, read_exposure};
use crate::fault::{Faults, Place, ProjectError};
use crate::grain::Grain;
use crate::jinja::{Context, Dialect, Renderer};
use crate::metric::{Metric, MetricList, read_metric};
use crate::model::{Model, ModelEntry, read_model};
use crate::reader::MapReader;
use crate::saved_query::{SavedQuery, SavedQueryEntry, check_saved_query, read_saved_query};
use crate::source::{SourceTable, read_sources};
use crate::unit_test::{UnitTest, read_unit_test};
use crate::validate::{self, inputs_of};
use crate::yaml::Node;

/// A parsed and valid project.
#[derive(Debug, Clone, PartialEq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// The vars and environment that its templates were rendered with.
    pub context: Context,
    /// The texts of its macros, in the order of their files.
    pub macros: Vec<String>,
    /// Time zone, week start, fiscal year start, retail years.
    pub calendar: Calendar,
    /// Source tables by `schema.table`.
    pub sources: IndexMap<String, SourceTable>,
    /// Models by name, in an order in which each comes after those it reads.
    pub models: IndexMap<String, Model>,
    /// Metrics by name, in the order of the files.
    pub metrics: IndexMap<String, Metric>,
    /// Unit tests of models, in the order of the files.
    pub unit_tests: Vec<UnitTest>,
    /// Saved queries by name, in the order of the files.
    pub saved_queries: IndexMap<String, SavedQuery>,
    /// Uses outside of the project by name, in the order of the files.
    pub exposures: IndexMap<String, Exposure>,
}

/// The texts that a project is made of, by path relative to its root.
#[derive(Debug, Clone, Default)]
pub struct ProjectFiles {
    /// `dbt_project.yml`.
    pub project: String,
    /// Every `.sql`, `.yml` and `.md` file under the model paths.
    pub models: BTreeMap<String, String>,
    /// Every `.sql` file under the macro paths.
    pub macros: BTreeMap<String, String>,
}

/// Where `dbt_project.yml` says that models and macros are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectPaths {
    /// Folders of models, relative to the project.
    pub models: Vec<String>,
    /// Folders of macros, relative to the project.
    pub macros: Vec<String>,
}

/// What a caller gives to parsing beside the files.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Environment variables that `env_var` may read.
    pub env: BTreeMap<String, String>,
    /// Vars that override the project's, as texts.
    pub vars: BTreeMap<String, String>,
}

impl ProjectPaths {
    /// Reads the paths; files that cannot be read as YAML give dbt's defaults, and parsing reports them.
    #[must_use]
    pub fn read(dbt_project: &str) -> Self {
        let node = Node::parse(dbt_project).ok();
        let list = |key: &str, default: &str| {
            let paths: Vec<String> = node.as_ref().and_then(|n| n.get(key)).map(|n| n.items().iter().filter_map(Node::text).collect()).unwrap_or_default();
            if paths.is_empty() { vec![default.to_owned()] } else { paths }
        };
        Self { models: list("model-paths", "models"), macros: list("macro-paths", "macros") }
    }
}

impl Project {
    /// Parses and checks a project.
    ///
    /// # Errors
    /// Every fault found, with file and line.
    pub fn parse(files: &ProjectFiles, settings: &Settings) -> Result<Self, ProjectError> {
        let faults = RefCell::new(Faults::default());
        let project = assemble(files, settings, &faults);
        let faults = faults.into_inner().into_sorted();
        match project {
            Some(project) if faults.is_empty() => Ok(project),
            _ => Err(ProjectError { faults }),
        }
    }

    /// The grains that jobs and queries may use: the standard ones, and those that a time spine declares as custom granularities; in order.
    #[must_use]
    pub fn grains(&self) -> Vec<Grain> {
        let declared = self.models.values().flat_map(|model| &model.custom_granularities).map(|custom| custom.grain);
        let mut grains: Vec<Grain> = Grain::STANDARD.into_iter().chain(declared).collect();
        grains.sort();
        grains.dedup();
        grains
    }

    /// The SQL of a model in another dialect; sources have the names of [`Dialect::source_name`], models their own.
    ///
    /// # Errors
    /// What keeps the template from being rendered for that dialect: the packaged macros know each, others may not.
    pub fn render(&self, model: &Model, dialect: Dialect) -> Result<String, String> {
        let renderer = Renderer::new(&self.context, self.macros.iter().map(String::as_str)).speaking(dialect);
        renderer.model(&model.template).map(|rendered| rendered.text).map_err(|error| error.message)
    }

    /// Days after a period's end before a metric's value is final: its own, or the most that one of its inputs needs.
    #[must_use]
    pub fn mature_after(&self, metric: &Metric) -> Option<u32> {
        let of_inputs = inputs_of(metric).into_iter().filter_map(|input| self.mature_after(self.metrics.get(&input.metric)?));
        of_inputs.chain(metric.meta.mature_after).max()
    }

    /// Every data test: those of sources, then those of models.
    pub fn data_tests(&self) -> impl Iterator<Item = &DataTest> {
        self.sources.values().flat_map(|source| &source.tests).chain(self.models.values().flat_map(|model| &model.tests))
    }

    /// The models that a model reads, itself last, each after those it reads.
    #[must_use]
    pub fn upstream(&self, model: &str) -> Vec<&Model> {
        let mut wanted = vec![model];
        let mut seen: Vec<&str> = Vec::new();
        while let Some(name) = wanted.pop() {
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            if let Some(model) = self.models.get(name) {
                wanted.extend(model.refs.iter().map(String::as_str));
            }
        }
        self.models.values().filter(|m| seen.contains(&m.name.as_str())).collect()
    }

    /// The sources that a model reads, directly or through others, as `schema.table`.
    #[must_use]
    pub fn sources_behind(&self, model: &str) -> BTreeSet<&String> {
        self.upstream(model).into_iter().flat_map(|model| &model.sources).collect()
    }
}

fn assemble(files: &ProjectFiles, settings: &Settings, faults: &RefCell<Faults>) -> Option<Project> {
    let root = parse_yaml("dbt_project.yml", &files.project, faults)?;
    let header = MapReader::new(&root, "dbt_project.yml", "project", faults);
    header.ignore(&[
        "version",
        "config-version",
        "profile",
        "require-dbt-version",
        "model-paths",
        "macro-paths",
        "target-path",
        "clean-targets",
        "models",
        "flags",
        "seed-paths",
        "test-paths",
        "analysis-paths",
        "snapshot-paths",
        "packages-install-path",
        "on-run-start",
        "on-run-end",
        "dispatch",
        "data_tests",
        "sources",
        "semantic-models",
        "metrics",
    ]);
    let name = header.required("name").unwrap_or_default();
    let vars_node = header.node("vars");
    let context = read_context(vars_node, &name, settings);
    let calendar = read_calendar(&context, vars_node, faults);
    header.finish();
    let renderer = Renderer::new(&context, files.macros.values().map(String::as_str));
    let mut parsed = Parsed::default();
    let mut blocks = DocsBlocks::default();
    for (path, text) in files.models.iter().filter(|(path, _)| has_extension(path, &["md"])) {
        blocks.read(path, text, faults);
    }
    for (path, text) in files.models.iter().filter(|(path, _)| is_yaml(path)) {
        if let Some(mut node) = parse_yaml(path, text, faults) {
            blocks.fill(path, &mut node, faults);
            read_file(path, &node, &renderer, &mut parsed, faults);
        }
    }
    let models = render_models(files, &renderer, &mut parsed, faults);
    let mut metrics = IndexMap::new();
    for metric in parsed.metrics {
        if let Some(first) = metrics.get(&metric.name) {
            let first: &Metric = first;
            let message = format!("metric `{}` is already defined at {}:{}", metric.name, first.place.file, first.place.line);
            faults.borrow_mut().add(&metric.place, message);
            continue;
        }
        metrics.insert(metric.name.clone(), metric);
    }
    let macros = files.macros.values().cloned().collect();
    let exposures = once_each(parsed.exposures, "exposure", |exposure| (&exposure.name, &exposure.place), faults);
    let saved = once_each(parsed.saved_queries, "saved query", |entry| (&entry.query.name, &entry.query.place), faults);
    let saved_queries = IndexMap::new();
    let mut project = Project { name, context, macros, calendar, sources: parsed.sources, models, metrics, unit_tests: parsed.unit_tests, saved_queries, exposures };
    validate::check(&mut project, &mut faults.borrow_mut());
    for exposure in project.exposures.values() {
        check_exposure(&project, exposure, &mut faults.borrow_mut());
    }
    for entry in saved.values() {
        check_saved_query(&project, entry, &mut faults.borrow_mut());
    }
    project.saved_queries = saved.into_iter().map(|(name, entry)| (name, entry.query)).collect();
    Some(project)
}

#[derive(Default)]
struct Parsed {
    sources: IndexMap<String, SourceTable>,
    entries: IndexMap<String, ModelEntry>,
    metrics: Vec<Metric>,
    unit_tests: Vec<UnitTest>,
    saved_queries: Vec<SavedQueryEntry>,
    exposures: Vec<Exposure>,
}

/// Entries by name; a name that comes again is a fault.
fn once_each<T>(entries: Vec<T>, what: &str, name_and_place: fn(&T) -> (&String, &Place), faults: &RefCell<Faults>) -> IndexMap<String, T> {
    let mut by_name: IndexMap<String, T> = IndexMap::new();
    for entry in entries {
        let (name, place) = name_and_place(&entry);
        if let Some(first) = by_name.get(name) {
            let (_, first) = name_and_place(first);
            faults.borrow_mut().add(place, format!("{what} `{name}` is already defined at {}:{}", first.file, first.line));
            continue;
        }
        by_name.insert(name.clone(), entry);
    }
    by_name
}

fn read_file(path: &str, node: &Node, renderer: &Renderer<'_>, parsed: &mut Parsed, faults: &RefCell<Faults>) {
    if node.value == crate::yaml::Value::Null {
        return;
    }
    let reader = MapReader::new(node, path, "file", faults);
    reader.ignore(&["version", "macros", "groups", "data_tests"]);
    for legacy in ["semantic_models", "measures"] {
        if let Some(entry) = node.entries().iter().find(|e| e.key == legacy) {
            reader.fault_with_hint(
                entry.line,
                format!("`{legacy}:` is dbt's legacy semantic layer spec, which is not read"),
                "`dbt-autofix deprecations --semantic-layer` rewrites a project to the latest spec",
            );
        }
    }
    reader.ignore(&["semantic_models", "measures"]);
    parsed.sources.extend(read_sources(path, reader.list("sources"), renderer, faults));
    for node in reader.list("models") {
        let Some(mut entry) = read_model(path, node, renderer, faults) else { continue };
        parsed.metrics.extend(std::mem::take(&mut entry.metrics));
        if let Some(first) = parsed.entries.get(&entry.name) {
            let message = format!("model `{}` is already described at {}:{}", entry.name, first.place.file, first.place.line);
            faults.borrow_mut().add(&entry.place, message);
            continue;
        }
        parsed.entries.insert(entry.name.clone(), entry);
    }
    let list = MetricList { file: path, model: None, renderer, faults };
    parsed.metrics.extend(reader.list("metrics").iter().filter_map(|node| read_metric(node, &list)));
    for node in reader.list("saved_queries") {
        parsed.saved_queries.extend(read_saved_query(path, node, faults));
    }
    for node in reader.list("exposures") {
        parsed.exposures.extend(read_exposure(path, node, faults));
    }
    for node in reader.list("unit_tests") {
        parsed.unit_tests.extend(read_unit_test(path, node, faults));
    }
    reader.finish();
}

fn render_models(files: &ProjectFiles, renderer: &Renderer<'_>, parsed: &mut Parsed, faults: &RefCell<Faults>) -> IndexMap<String, Model> {
    let mut models: IndexMap<String, Model> = IndexMap::new();
    for (path, template) in files.models.iter().filter(|(path, _)| has_extension(path, &["sql"])) {
        let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".sql").to_owned();
        let place = |line| Place { file: path.clone(), line };
        if let Some(first) = models.get(&name) {
            faults.borrow_mut().add(&place(1), format!("model `{name}` is already defined by {}", first.file));
            continue;
        }
        let rendered = match renderer.model(template) {
            Ok(rendered) => rendered,
            Err(error) => {
                faults.borrow_mut().add(&place(error.line), format!("model `{name}`: {}", error.message));
                continue;
            }
        };
        let entry = parsed.entries.shift_remove(&name);
        let spine = entry.as_ref().and_then(|e| e.time_spine.clone());
        models.insert(
            name.clone(),
            Model {
                name,
                file: path.clone(),
                template: template.clone(),
                sql: rendered.text,
                refs: rendered.refs,
                sources: rendered.sources,
                description: entry.as_ref().map(|e| e.description.clone()).unwrap_or_default(),
                time_spine: spine.as_ref().map(|s| s.column.clone()),
                spine_granularity: entry.as_ref().and_then(|e| e.spine_granularity.clone()),
                custom_granularities: spine.map(|s| s.custom_granularities).unwrap_or_default(),
                tests: entry.as_ref().map(|e| e.tests.clone()).unwrap_or_default(),
                findings: entry.as_ref().is_some_and(|e| e.findings),
                incremental: entry.as_ref().and_then(|e| e.incremental.clone()),
                semantics: entry.and_then(|e| e.semantics),
            },
        );
    }
    for entry in parsed.entries.values() {
        let mut faults = faults.borrow_mut();
        // A model whose template failed has its fault already.
        let failed = files.models.keys().any(|path| path.ends_with(&format!("/{}.sql", entry.name)));
        if !failed {
            faults.unknown(&entry.place, "model", &entry.name, models.keys().map(String::as_str));
        }
    }
    models
}

fn read_context(vars: Option<&Node>, project: &str, settings: &Settings) -> Context {
    let mut context = Context { vars: IndexMap::new(), env: settings.env.clone() };
    for entry in vars.map(Node::entries).unwrap_or_default() {
        if entry.key == project && !entry.node.entries().is_empty() {
            for own in entry.node.entries() {
                context.vars.insert(own.key.clone(), own.node.clone());
            }
        } else {
            context.vars.insert(entry.key.clone(), entry.node.clone());
        }
    }
    for (name, text) in &settings.vars {
        let node = Node::parse(text).unwrap_or(Node { line: 0, value: crate::yaml::Value::Text(text.clone()) });
        context.vars.insert(name.clone(), node);
    }
    context
}

fn parse_yaml(file: &str, text: &str, faults: &RefCell<Faults>) -> Option<Node> {
    match Node::parse(text) {
        Ok(node) => Some(node),
        Err((line, message)) => {
            let place = Place { file: file.to_owned(), line };
            faults.borrow_mut().add(&place, format!("bad YAML: {message}"));
            None
        }
    }
}

fn is_yaml(path: &str) -> bool {
    has_extension(path, &["yml", "yaml"])
}

fn has_extension(path: &str, extensions: &[&str]) -> bool {
    std::path::Path::new(path).extension().is_some_and(|found| extensions.iter().any(|wanted| found.eq_ignore_ascii_case(wanted)))
}

#[cfg(test)]
mod tests;
