//! `compile`: a query as SQL for another engine; the lake is not touched.

use quotient_ingest::Location;
use quotient_metrics::{CompileRequest, QueryRequest, compile};
use quotient_model::Dialect;

use crate::error::JobError;
use crate::workspace::Workspace;

impl Workspace {
    /// One statement that answers a query over the files of the lake, in a dialect.
    ///
    /// Paths are absolute, so that it can be run from any folder.
    ///
    /// # Errors
    /// Unknown names, definitions without meaning, what cannot be compiled, a location that is neither a path nor an `s3://` URL.
    pub fn compile(&self, query: &QueryRequest, dialect: Dialect) -> Result<String, JobError> {
        let mut request = CompileRequest { query: query.clone(), dialect, locations: std::collections::BTreeMap::new() };
        for (name, table) in &self.project.sources {
            let location = Location::parse(&table.location, &self.folder).map_err(JobError::Input)?;
            request.locations.insert(name.clone(), location.pattern());
        }
        compile(&self.project, &request, self.as_of).map_err(JobError::Metrics)
    }
}
