//! Metrics that a lake cannot tell, because it lacks optional columns or tables.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use indexmap::IndexMap;
use quotient_ingest::SourceFrame;
use quotient_metrics::{empty_engine, unavailable};
use quotient_model::Job;
use quotient_report::Finding;
use serde::Serialize;

use crate::error::JobError;
use crate::workspace::Workspace;

/// How many metrics a finding names.
const EXAMPLES: usize = 5;

/// A metric that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unavailable {
    /// The metric.
    pub metric: String,
    /// What the lake lacks: columns as `schema.table.column`, tables without any file as `schema.table`.
    pub lacks: Vec<String>,
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "metric `{}` is unavailable: the lake has no `{}`", self.metric, self.lacks.join("`, `"))
    }
}

impl Workspace {
    /// The metrics among these that rest on what opened sources lack; a lack that means something by declaration is none.
    pub(crate) fn unavailable(&self, metrics: &[String], sources: &IndexMap<String, SourceFrame>) -> Result<Vec<Unavailable>, JobError> {
        let mut absent: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, source) in sources {
            let Some(table) = self.project.sources.get(name) else { continue };
            if source.files.is_empty() && table.absent_means.is_some() {
                continue;
            }
            let lacks = |column: &&String| source.files.is_empty() || table.columns.iter().any(|known| known.name == **column && known.absent_means.is_none());
            let columns: BTreeSet<String> = source.absent.iter().filter(lacks).cloned().collect();
            if !columns.is_empty() {
                absent.insert(name.clone(), columns);
            }
        }
        if absent.is_empty() {
            return Ok(Vec::new());
        }
        let engine = empty_engine(&self.project, self.as_of).map_err(JobError::Metrics)?;
        let found = unavailable(&engine, metrics, &absent).map_err(JobError::Metrics)?;
        let named = |column: &String| {
            let table = column.rsplit_once('.').map_or(column.as_str(), |(table, _)| table);
            let is_empty = sources.get(table).is_some_and(|source| source.files.is_empty());
            if is_empty { table.to_owned() } else { column.clone() }
        };
        let lacks = |columns: BTreeSet<String>| columns.iter().map(named).collect::<BTreeSet<String>>().into_iter().collect();
        Ok(found.into_iter().map(|(metric, columns)| Unavailable { metric, lacks: lacks(columns) }).collect())
    }

    /// The metrics of a job that its lake cannot tell.
    ///
    /// # Errors
    /// [`JobError::Unavailable`] where the job requires one of them.
    pub(crate) fn job_unavailable(&self, job: &Job, sources: &IndexMap<String, SourceFrame>) -> Result<Vec<Unavailable>, JobError> {
        let metrics: BTreeSet<String> = job.tables.iter().flat_map(|table| table.metrics.iter().cloned()).collect();
        let found = self.unavailable(&metrics.into_iter().collect::<Vec<_>>(), sources)?;
        let required: Vec<Unavailable> = found.iter().filter(|lack| job.required.contains(&lack.metric)).cloned().collect();
        if required.is_empty() { Ok(found) } else { Err(JobError::Unavailable(required)) }
    }
}

/// One finding for each column or table that is lacking, with the metrics that need it.
pub(crate) fn findings(lacking: &[Unavailable]) -> Vec<Finding> {
    let mut metrics: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for lack in lacking {
        for name in &lack.lacks {
            metrics.entry(name).or_default().push(&lack.metric);
        }
    }
    let finding = |(name, metrics): (&str, Vec<&str>)| {
        let mut parts = name.splitn(3, '.');
        let table: Vec<&str> = parts.by_ref().take(2).collect();
        Finding {
            table: table.join("."),
            column: parts.next().map(str::to_owned),
            rule: "available".to_owned(),
            test: "available".to_owned(),
            key: Some("metric".to_owned()),
            count: u64::try_from(metrics.len()).unwrap_or(u64::MAX),
            examples: metrics.into_iter().take(EXAMPLES).map(str::to_owned).collect(),
            severity: "warn".to_owned(),
            outcome: "warn".to_owned(),
        }
    };
    metrics.into_iter().map(finding).collect()
}
