//! `plan`: what a run will do, by the same steps up to the first row read.

use std::collections::BTreeSet;

use chrono::SecondsFormat;
use quotient_model::Job;
use serde::Serialize;

use crate::check::CheckedSource;
use crate::error::JobError;
use crate::workspace::Workspace;

/// What a run of a job will do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The job.
    pub job: String,
    /// The instant taken for now.
    pub as_of: String,
    /// Where the tables go.
    pub results: String,
    /// The tables.
    pub tables: Vec<PlannedTable>,
    /// What is read.
    pub sources: Vec<CheckedSource>,
}

/// A table that a run will write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedTable {
    /// Its name.
    pub name: String,
    /// Its metrics.
    pub metrics: Vec<String>,
    /// How many slices.
    pub slices: u64,
    /// Its grains.
    pub grains: Vec<String>,
    /// Why it is computed.
    pub reason: String,
}

impl Workspace {
    /// What `run` will do: opens the sources of the job and says what it will write.
    ///
    /// # Errors
    /// As a run, up to the first row read.
    pub fn plan(&self, job: &Job) -> Result<Plan, JobError> {
        let sources = self.open_sources(&self.tables_of(&self.job_models(job)))?;
        let tables = job
            .tables
            .iter()
            .map(|table| PlannedTable {
                name: table.name.clone(),
                metrics: table.metrics.clone(),
                slices: u64::try_from(table.slices.len()).unwrap_or(u64::MAX),
                grains: table.grains.iter().map(ToString::to_string).collect(),
                reason: "every period is computed from the whole lake".to_owned(),
            })
            .collect();
        Ok(Plan {
            job: job.name.clone(),
            as_of: self.as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            results: job.results.clone(),
            tables,
            sources: sources.iter().map(|(name, source)| CheckedSource::of(name, source)).collect(),
        })
    }

    /// Every model that a job stands on.
    pub(crate) fn job_models(&self, job: &Job) -> BTreeSet<String> {
        job.tables
            .iter()
            .flat_map(|table| {
                let (mut metrics, mut items) = (table.metrics.clone(), table.slices.iter().flatten().cloned().collect::<Vec<String>>());
                for filter in &table.filters {
                    items.extend(filter.items.iter().cloned());
                    items.extend(filter.metrics.iter().flat_map(|read| read.group_by.iter().cloned()));
                    metrics.extend(filter.metrics.iter().map(|read| read.name.clone()));
                }
                self.models_of(&metrics, &items)
            })
            .collect()
    }
}
