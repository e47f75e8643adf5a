//! `plan`: what a run will do, by the same steps up to the first row read.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray;
use arrow::datatypes::Date32Type;
use chrono::{NaiveDate, SecondsFormat};
use quotient_model::Job;
use serde::Serialize;

use crate::availability::Unavailable;
use crate::cell_shelf::lost_cells;
use crate::check::CheckedSource;
use crate::error::JobError;
use crate::publish::folder;
use crate::run::{Prepared, request_of};
use crate::shelf::Shelf;
use crate::since::Since;
use crate::work::{Asked, TableWork, Worklist};
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
    /// Whether anything will be computed.
    pub nothing_to_do: bool,
    /// The tables.
    pub tables: Vec<PlannedTable>,
    /// What is there to read; not opened where nothing will be done.
    pub sources: Vec<CheckedSource>,
    /// Metrics that the lake lacks columns for: their values will be null.
    pub unavailable: Vec<Unavailable>,
}

/// A table, and what a run will do about it.
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
    /// Why it is computed; none where its cells are still right.
    pub reasons: Vec<String>,
    /// Periods that end after this day are computed; null for all of them.
    pub since: Option<NaiveDate>,
    /// Files that are read.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
    /// Rows of the table that are computed anew; null where the table is not there yet.
    pub replaced: Option<u64>,
    /// Rows of the table that stay as they are.
    pub stays: u64,
}

impl Workspace {
    /// What `run` will do: opens the sources of the job and says what it will write.
    ///
    /// # Errors
    /// As a run, up to the first row read.
    pub fn plan(&self, job: &Job) -> Result<Plan, JobError> {
        self.plan_asked(job, &Asked::default())
    }

    pub(crate) fn plan_asked(&self, job: &Job, asked: &Asked) -> Result<Plan, JobError> {
        let shelf = Shelf::open(self, job)?;
        let mut plan = Plan {
            job: job.name.clone(),
            as_of: self.as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            results: job.results.clone(),
            nothing_to_do: false,
            tables: Vec::new(),
            sources: Vec::new(),
            unavailable: Vec::new(),
        };
        let (ledger, sources, lacking, strange, job_hash) = match self.prepare(job, asked, &shelf)? {
            Prepared::Nothing(ledger) => {
                let rows: BTreeMap<&str, u64> = ledger.tables.iter().map(|table| (table.name.as_str(), table.rows)).collect();
                plan.nothing_to_do = true;
                plan.tables = job.tables.iter().map(|table| PlannedTable { stays: rows.get(table.name.as_str()).copied().unwrap_or(0), ..planned(table) }).collect();
                return Ok(plan);
            }
            Prepared::Something { ledger, sources, lacking, strange, job_hash } => (ledger, sources, lacking, strange, job_hash),
        };
        let lost = lost_cells(&ledger, &shelf.kept_paths(&folder(&job.name))?);
        let worklist = Worklist::new(&self.project, &ledger, &sources, self.as_of).asking(asked, &job.tables).without(lost);
        let since = Since::new(self, &ledger, &job_hash).but_for(strange);
        for table in &job.tables {
            let work = worklist.of_table(&table.name, &request_of(table)).map_err(JobError::Metrics)?;
            let from = since.of_table(&table.name, work.first_day());
            let (replaced, stays) = rows_after(&shelf, &table.name, from)?;
            let planned = PlannedTable { since: NaiveDate::from_epoch_days(from).filter(|_| from != i32::MIN), replaced, stays, ..planned(table) };
            plan.tables.push(worked(planned, &work, &since));
        }
        plan.nothing_to_do = plan.tables.iter().all(|table| table.reasons.is_empty());
        plan.sources = sources.iter().map(|(name, source)| CheckedSource::of(name, source)).collect();
        plan.unavailable = lacking;
        Ok(plan)
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

fn planned(table: &quotient_model::JobTable) -> PlannedTable {
    PlannedTable {
        name: table.name.clone(),
        metrics: table.metrics.clone(),
        slices: u64::try_from(table.slices.len()).unwrap_or(u64::MAX),
        grains: table.grains.iter().map(ToString::to_string).collect(),
        reasons: Vec::new(),
        since: None,
        files: 0,
        bytes: 0,
        replaced: Some(0),
        stays: 0,
    }
}

fn worked(table: PlannedTable, work: &TableWork, since: &Since) -> PlannedTable {
    let reasons: Vec<String> = since.reasons(&table.name, work).into_iter().map(|reason| reason.words().to_owned()).collect();
    PlannedTable { reasons, files: u64::try_from(work.files.len()).unwrap_or(u64::MAX), bytes: work.files.values().sum(), ..table }
}

/// How many rows of a table are of periods that end after a day, and how many are not.
fn rows_after(shelf: &Shelf, table: &str, day: i32) -> Result<(Option<u64>, u64), JobError> {
    let Some(rows) = shelf.read(table)? else { return Ok((None, 0)) };
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let ends = rows.column_by_name("period_end").and_then(|column| column.as_primitive_opt::<Date32Type>());
    let after = ends.map_or(rows.num_rows(), |ends| ends.iter().filter(|end| day == i32::MIN || end.is_none_or(|end| end > day)).count());
    Ok((Some(count(after)), count(rows.num_rows() - after)))
}
