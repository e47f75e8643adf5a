//! A job as an `OpenLineage` run: the locations of its sources in, its result tables out.

use quotient_ingest::Location;
use quotient_model::Job;

use crate::openlineage::{Dataset, LineageRun};
use crate::run::WrittenTable;
use crate::workspace::Workspace;

impl Workspace {
    /// The run of a job for lineage events; `run` names it, `tables` are those that it has written so far.
    #[must_use]
    pub fn lineage(&self, job: &Job, run: &str, tables: &[WrittenTable]) -> LineageRun {
        let place = |text: &str| Location::parse(text, &self.folder).map_or_else(|_| text.to_owned(), |location| location.pattern());
        let sources = self.tables_of(&self.job_models(job));
        let results = std::path::absolute(&job.results).map_or_else(|_| job.results.clone(), |path| path.display().to_string());
        let results = Dataset::at(if job.results.contains("://") { &job.results } else { &results });
        let namespace = job.policy.openlineage.as_ref().and_then(|target| target.namespace.clone());
        LineageRun {
            namespace: namespace.unwrap_or_else(|| self.project.name.clone()),
            job: job.name.clone(),
            run_id: run.to_owned(),
            as_of: self.as_of,
            quotient_version: env!("CARGO_PKG_VERSION").to_owned(),
            inputs: sources.iter().map(|table| Dataset::at(&place(&table.location))).collect(),
            outputs: tables.iter().map(|table| (results.below(&table.name), Some(table.rows))).collect(),
        }
    }
}
