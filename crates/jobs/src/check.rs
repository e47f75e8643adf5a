//! `check`: the whole project against the whole lake, without computing anything.

use serde::Serialize;

use quotient_ingest::SourceFrame;

use crate::availability::Unavailable;
use crate::error::{JobError, Models};
use crate::kept_rows::check_key;
use crate::workspace::Workspace;

/// What a check found in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The sources.
    pub sources: Vec<CheckedSource>,
    /// Models whose SQL binds.
    pub models: u64,
    /// Metrics.
    pub metrics: u64,
    /// Metrics that the lake lacks columns for.
    pub unavailable: Vec<Unavailable>,
}

/// A source table and what lies there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedSource {
    /// The table, as `schema.table`.
    pub table: String,
    /// How many files.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Their rows, as the footers count them.
    pub rows: u64,
    /// Declared columns that no file has; they read as null.
    pub absent: Vec<String>,
}

impl CheckedSource {
    pub(crate) fn of(table: &str, source: &SourceFrame) -> Self {
        Self {
            table: table.to_owned(),
            files: u64::try_from(source.files.len()).unwrap_or(u64::MAX),
            bytes: source.files.iter().map(|f| f.size).sum(),
            rows: source.files.iter().map(|f| f.rows).sum(),
            absent: source.absent.clone(),
        }
    }
}

impl Workspace {
    /// Opens every source and binds every model that a metric or a dimension stands on.
    ///
    /// # Errors
    /// Missing files, every column that is not as declared, every model that does not bind.
    pub fn check(&self) -> Result<CheckReport, JobError> {
        let models = self.project.models.values().filter(|m| m.semantics.is_some()).map(|m| m.name.clone()).collect();
        let sources = self.open_sources(&self.tables_of(&models))?;
        let engine = self.engine(&sources);
        let mut bound = 0;
        let mut faults = Vec::new();
        for model in models.iter().filter_map(|name| self.project.models.get(name)) {
            match engine.relation(&model.name).and_then(|relation| check_key(model, &relation.schema)) {
                Ok(()) => bound += 1,
                Err(error) => faults.push(error),
            }
        }
        if faults.is_empty() {
            // A model that does not bind was named; it would be again by each that is joined with it.
            faults.extend(models.iter().filter_map(|name| self.project.models.get(name)).filter_map(|model| engine.check_keys(model).err()));
        }
        if !faults.is_empty() {
            faults.dedup_by_key(|e| e.to_string());
            return Err(JobError::Models(Models(faults)));
        }
        let names: Vec<String> = self.project.metrics.keys().cloned().collect();
        Ok(CheckReport {
            unavailable: self.unavailable(&names, &sources)?,
            sources: sources.iter().map(|(name, source)| CheckedSource::of(name, source)).collect(),
            models: bound,
            metrics: u64::try_from(self.project.metrics.len()).unwrap_or(u64::MAX),
        })
    }
}
