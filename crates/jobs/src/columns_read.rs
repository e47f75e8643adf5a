//! The columns of models that a job reads: those of which rows are kept are made without the others.

use indexmap::IndexMap;
use quotient_ingest::SourceFrame;
use quotient_metrics::sql::SqlModel;
use quotient_metrics::{CellRequest, ColumnsRead, Requests, columns_read, empty_engine, requests_of};
use quotient_model::Job;

use crate::data_tests::queries_of;
use crate::error::JobError;
use crate::findings::{Scope, list_of};
use crate::run::request_of;
use crate::workspace::Workspace;

impl Workspace {
    /// The columns that the tables of a job read, whichever of them a run is asked for, and its tests and findings.
    pub(crate) fn columns_read(&self, job: &Job, sources: &IndexMap<String, SourceFrame>, scope: &Scope<'_>) -> Result<ColumnsRead, JobError> {
        let engine = empty_engine(&self.project, self.as_of).map_err(JobError::Metrics)?;
        let asked: Vec<CellRequest> = job.tables.iter().map(request_of).collect();
        let requests = asked.iter().map(|asked| requests_of(&self.project, asked)).collect::<Result<Vec<_>, _>>().map_err(JobError::Metrics)?;
        let requests: Vec<_> = requests.iter().flat_map(Requests::of_rows).collect();
        let tests = self.tests_of_models(sources, scope);
        let of_tests = tests.iter().flat_map(|test| queries_of(test, &self.project).into_iter().map(|(table, sql)| (test.name.as_str(), test.place.file.as_str(), table, sql)));
        let of_findings = self.listed_models(sources, scope).into_iter().map(|model| (model.name.as_str(), model.file.as_str(), model.name.as_str(), list_of(model)));
        let queries: Vec<_> = of_tests.chain(of_findings).collect();
        let queries: Vec<_> = queries.iter().map(|(name, file, table, sql)| (SqlModel { name, file, sql }, vec![*table])).collect();
        columns_read(&engine, &requests, &queries).map_err(JobError::Metrics)
    }
}
