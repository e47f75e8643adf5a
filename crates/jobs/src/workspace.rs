//! A project opened for work: read, validated, and ready to open its lake.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use chrono::{DateTime, SecondsFormat, Utc};
use indexmap::IndexMap;
use quotient_ingest::{Lake, SourceFrame};
use quotient_metrics::{MetricsError, PolarsEngine, QueryRequest, query};
use quotient_model::{Filter, Job, MetricKind, Project, Settings, SourceTable, filters_of, metrics_read_by, nearest, resolve_item, short_hash};
use sha2::{Digest, Sha256};

use crate::error::JobError;
use crate::file_lots::{Rows, Seen};
use crate::project_files;
use crate::source_rows::relation_of;

/// What opening a project needs.
#[derive(Debug, Clone)]
pub struct OpenRequest {
    /// The folder of `dbt_project.yml`.
    pub project_dir: PathBuf,
    /// Environment variables, for `env_var` and for the stores.
    pub env: BTreeMap<String, String>,
    /// Vars that override the project's.
    pub vars: BTreeMap<String, String>,
    /// The instant taken for now; becomes the var `as_of`.
    pub as_of: DateTime<Utc>,
}

/// Rows of a source that are read at once where each of them decides for itself.
const ROWS_AT_ONCE: u64 = 1_000_000;

/// A project opened for work.
#[derive(Debug)]
pub struct Workspace {
    /// The project.
    pub project: Project,
    /// Of a source that a model or a test reads row by row, the rows that are read at once; the cells that wait in memory follow it.
    /// It bounds the memory of a run: what is made and found does not hang on it. At first a million.
    pub rows_at_once: u64,
    pub(crate) folder: PathBuf,
    pub(crate) env: BTreeMap<String, String>,
    /// The vars of the request, without as-of.
    pub(crate) vars: BTreeMap<String, String>,
    pub(crate) as_of: DateTime<Utc>,
    /// A hash of the texts of the project and of the vars, without as-of.
    pub(crate) texts_hash: String,
}

impl Workspace {
    /// Reads and validates a project. The lake is not touched.
    ///
    /// # Errors
    /// Files that cannot be read; every fault of the project.
    pub fn open(request: &OpenRequest) -> Result<Self, JobError> {
        let files = project_files::read(&request.project_dir)?;
        let mut vars = request.vars.clone();
        let as_of = request.as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        vars.insert("as_of".to_owned(), format!("\"{as_of}\""));
        let settings = Settings { env: request.env.clone(), vars };
        let project = Project::parse(&files, &settings).map_err(JobError::Project)?;
        let texts_hash = short_hash(Sha256::new_with_prefix(format!("{}{:?}{:?}{:?}", files.project, files.models, files.macros, request.vars)));
        Ok(Self {
            texts_hash,
            project,
            rows_at_once: ROWS_AT_ONCE,
            folder: request.project_dir.clone(),
            env: request.env.clone(),
            vars: request.vars.clone(),
            as_of: request.as_of,
        })
    }

    /// Reads and validates a job file.
    ///
    /// # Errors
    /// A file that cannot be read; every fault in it.
    pub fn job(&self, path: &Path) -> Result<Job, JobError> {
        let text = project_files::read_text(path)?;
        Job::parse(&path.display().to_string(), &text, &self.project).map_err(JobError::Project)
    }

    /// A saved query as a request: its metrics, group-bys, conditions, order and limit.
    ///
    /// What is asked beside it wins: an order and a limit replace its own, further conditions are added, days are those asked.
    ///
    /// # Errors
    /// An unknown saved query, with the nearest one.
    pub fn saved_query(&self, name: &str, asked: &QueryRequest) -> Result<QueryRequest, JobError> {
        let saved = self.project.saved_queries.get(name).ok_or_else(|| {
            let near = nearest(name, self.project.saved_queries.keys().map(String::as_str)).map(str::to_owned);
            JobError::Metrics(MetricsError::Unknown { what: "saved query", name: name.to_owned(), near })
        })?;
        Ok(QueryRequest {
            metrics: saved.metrics.clone(),
            group_by: saved.group_by.clone(),
            filters: saved.templates.iter().chain(&asked.filters).cloned().collect(),
            order: if asked.order.is_empty() { saved.order_by.clone() } else { asked.order.clone() },
            limit: asked.limit.or(saved.limit),
            ..asked.clone()
        })
    }

    /// Answers a query from the lake.
    ///
    /// # Errors
    /// Unknown names, metrics that the lake lacks the columns for, a lake that is not as declared, definitions without meaning.
    pub fn query(&self, request: &QueryRequest) -> Result<RecordBatch, JobError> {
        let (mut metrics, mut items) = (request.metrics.clone(), request.group_by.clone());
        // A filter that does not parse is reported where it is used.
        for filter in request.filters.iter().filter_map(|template| Filter::parse(template).ok()) {
            items.extend(filter.items);
            items.extend(filter.metrics.iter().flat_map(|read| read.group_by.clone()));
            metrics.extend(filter.metrics.into_iter().map(|read| read.name));
        }
        let models = self.models_of(&metrics, &items);
        let sources = self.open_all_rows(&self.tables_of(&models))?;
        let lacking = self.unavailable(&request.metrics, &sources)?;
        if !lacking.is_empty() {
            return Err(JobError::Unavailable(lacking));
        }
        let engine = Arc::new(self.engine(&self.without_bad_rows(sources.clone())?));
        let rows = Rows { workspace: self, sources: &sources, whole: &engine, seen: Seen::Clean };
        rows.put_in_lots(&models).and_then(|()| query(&*engine, &self.project, request, self.as_of)).map_err(JobError::Metrics)
    }

    /// Opens sources, without the rows that a test excludes: listings and footers only.
    pub(crate) fn open_sources(&self, tables: &[&SourceTable]) -> Result<IndexMap<String, SourceFrame>, JobError> {
        self.without_bad_rows(self.open_all_rows(tables)?)
    }

    /// Opens sources with all of their rows: listings and footers only.
    pub(crate) fn open_all_rows(&self, tables: &[&SourceTable]) -> Result<IndexMap<String, SourceFrame>, JobError> {
        let lake = Lake::new(&self.folder, self.env.clone()).map_err(JobError::Input)?;
        let frames = lake.open(tables).map_err(JobError::Input)?;
        Ok(tables.iter().map(|t| format!("{}.{}", t.schema, t.name)).zip(frames).collect())
    }

    /// Opened sources that are read more than once: the rows of those with many small files are in memory.
    pub(crate) fn gathered(sources: IndexMap<String, SourceFrame>) -> Result<IndexMap<String, SourceFrame>, JobError> {
        sources.into_iter().map(|(name, source)| Ok((name, source.gathered()?))).collect::<Result<_, _>>().map_err(JobError::Input)
    }

    /// An engine over opened sources.
    pub(crate) fn engine(&self, sources: &IndexMap<String, SourceFrame>) -> PolarsEngine<'_> {
        let relations = sources.iter().map(|(name, source)| (name.clone(), relation_of(source))).collect();
        PolarsEngine::new(&self.project, relations, self.as_of)
    }

    /// The models that metrics and group-by items stand on.
    pub(crate) fn models_of(&self, metrics: &[String], items: &[String]) -> BTreeSet<String> {
        let mut models = BTreeSet::new();
        let mut wanted: Vec<&str> = metrics.iter().map(String::as_str).collect();
        let mut seen = BTreeSet::new();
        let mut items: BTreeSet<&str> = items.iter().map(String::as_str).collect();
        let mut facts = BTreeSet::new();
        while let Some(name) = wanted.pop() {
            let Some(metric) = self.project.metrics.get(name).filter(|_| seen.insert(name)) else { continue };
            if let MetricKind::Simple(simple) = &metric.kind {
                facts.insert(simple.model.as_str());
            }
            for filter in filters_of(metric) {
                items.extend(filter.items.iter().chain(filter.metrics.iter().flat_map(|read| &read.group_by)).map(String::as_str));
            }
            wanted.extend(metrics_read_by(metric));
        }
        for fact in facts {
            models.insert(fact.to_owned());
            for item in &items {
                if let Ok(found) = resolve_item(&self.project, fact, item) {
                    models.extend(found.path.iter().map(|hop| hop.model.name.clone()));
                }
            }
        }
        models
    }

    /// The source tables that models read, directly or through others, in the project's order.
    pub(crate) fn tables_of(&self, models: &BTreeSet<String>) -> Vec<&SourceTable> {
        let read: BTreeSet<&str> = models.iter().flat_map(|model| self.project.sources_behind(model)).map(String::as_str).collect();
        self.project.sources.iter().filter(|(name, _)| read.contains(name.as_str())).map(|(_, table)| table).collect()
    }
}
