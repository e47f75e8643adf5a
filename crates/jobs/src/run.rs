//! `run`: computes what is stale of a job, then writes it, `kpi_runs` last.
//!
//! All cells are computed before the first table is written: a run that fails over its input leaves the results as they were.
//! A run that another one overtakes looks again at what is left to do.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, RecordBatch};
use chrono::{Datelike, NaiveDate, SecondsFormat};
use indexmap::IndexMap;
use quotient_ingest::{Lake, SourceFrame};
use quotient_metrics::{BaseGrouping, CellRequest, Counts, MetricsError, requests_of};
use quotient_model::{Job, JobTable, Model, definition_hash, model_hash, short_hash};
use quotient_report::{EndingAfter, Finder, Finding, MakeRows, NewRows, PeriodRange, Replace, ReportError, RunWork, Step, dim_date, dim_period, kpi_dictionary, kpi_findings};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::ahead::Ahead;
use crate::availability::{self, Unavailable};
use crate::cell_shelf::{CellShelf, lost_cells};
use crate::derived::{Derived, Deriving};
use crate::error::JobError;
use crate::findings::Found;
use crate::headline::Headline;
use crate::incremental_engine::IncrementalEngine;
use crate::kept_rows::RowShelf;
use crate::ledger::{LEDGER, Ledger};
use crate::progress::{Laps, Progress};
use crate::publish::{Publication, RESULTS_OF_RUNS, application, folder, rows_folder};
use crate::question::joined_models;
use crate::restatements::{RESTATEMENTS, Restating};
use crate::results::{refused, slice_name};
use crate::shelf::Shelf;
use crate::side_by_side::{beside, locked};
use crate::since::{Since, strange_tables};
use crate::touched::Reason;
use crate::values::Stamp;
use crate::work::{Asked, TableWork, Worklist};
use crate::workspace::Workspace;

/// How often a run looks again after another one came first.
const LOOKS: usize = 50;

/// Days by which the end of a period with the same first day moves where its calendar changes: the months of a retail year have a week more or less.
const END_MOVES: i32 = 7;

/// What a run did.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// The run: the same job over the same files, definitions and as-of has the same.
    pub run_id: String,
    /// The job.
    pub job: String,
    /// The instant taken for now.
    pub as_of: String,
    /// Where the tables are.
    pub results: String,
    /// The tables.
    pub tables: Vec<WrittenTable>,
    /// The totals of the last complete month: metric, label, unit, value, previous; no row where nothing was computed.
    pub headline: RecordBatch,
    /// Metrics of the job that the lake lacks columns for: their values are null.
    pub unavailable: Vec<Unavailable>,
    /// Why anything was computed; none where there was nothing to do.
    pub reasons: Vec<Reason>,
    /// Published cells of complete periods whose value is another one now.
    pub restated: u64,
}

/// A table that a run wrote, or found to say the same already.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WrittenTable {
    /// Its name.
    pub name: String,
    /// Its Delta version.
    pub version: i64,
    /// Whether there was anything to commit.
    pub changed: bool,
    /// Rows in it.
    pub rows: u64,
}

/// What is known before anything is computed.
pub(crate) enum Prepared {
    /// Nothing is different from the last run.
    Nothing(Ledger),
    /// Something may be.
    Something {
        ledger: Ledger,
        /// The opened sources, with all their rows.
        sources: IndexMap<String, SourceFrame>,
        lacking: Vec<Unavailable>,
        /// Tables that are not as the last run left them.
        strange: BTreeSet<String>,
        /// Of all that decides what is computed beside the lake and as-of.
        job_hash: String,
    },
}

impl Workspace {
    /// Runs a job: computes the cells that are not there yet or no longer right, and publishes its tables.
    ///
    /// # Errors
    /// Input that is not as declared; results that cannot be written. Nothing is written unless everything could be computed.
    pub fn run(&self, job: &Job, progress: &dyn Progress) -> Result<RunSummary, JobError> {
        self.run_ahead(job, &Asked::default(), &Ahead::default(), progress)
    }

    /// A run of what is asked for, with cells that were computed ahead.
    pub(crate) fn run_ahead(&self, job: &Job, asked: &Asked, ahead: &Ahead, progress: &dyn Progress) -> Result<RunSummary, JobError> {
        let shelf = Shelf::open(self, job)?;
        let (mut looks, mut with_rows, lost) = (0, true, Mutex::new(BTreeSet::new()));
        loop {
            let lost_before = locked(&lost).len();
            match self.run_once(job, (asked, ahead), (&shelf, &lost, with_rows), progress) {
                Err(JobError::Output(ReportError::Concurrent { .. })) if looks < LOOKS => looks += 1,
                // An object of kept rows that cannot be read is as one that is gone.
                Err(JobError::Metrics(MetricsError::Compute { .. })) if with_rows => with_rows = false,
                // So are kept cells, which a run without them computes.
                Err(_) if locked(&lost).len() > lost_before => {}
                done => return done,
            }
        }
    }

    /// Compares the lake with the ledger, by listings alone where nothing differs.
    pub(crate) fn prepare(&self, job: &Job, asked: &Asked, shelf: &Shelf) -> Result<Prepared, JobError> {
        let rows = shelf.read(LEDGER)?;
        let ledger = rows.map(|rows| Ledger::read(&rows, &job.name)).unwrap_or_default();
        let tables = self.tables_of(&self.job_models(job));
        let lake = Lake::new(&self.folder, self.env.clone()).map_err(JobError::Input)?;
        let listings = lake.list(&tables).map_err(JobError::Input)?;
        let names: Vec<String> = tables.iter().map(|table| format!("{}.{}", table.schema, table.name)).collect();
        let hash = self.job_hash(job);
        let same_files = names.iter().zip(&listings).all(|(name, listing)| {
            let none = BTreeMap::new();
            let known = ledger.files.get(name).unwrap_or(&none);
            let mut files = 0;
            listing.files().all(|listed| {
                files += 1;
                // Without a tag, two versions of a file of one size look the same.
                listed.etag.is_some() && known.get(&listed.address).is_some_and(|file| file.is(&listed))
            }) && files == known.len()
        });
        let strange = strange_tables(job, &ledger, shelf)?;
        if same_files
            && !ledger.claimed
            && asked.is_nothing()
            && ledger.is_whole()
            && job.tables.iter().all(|table| ledger.has_cells(&table.name))
            && strange.is_empty()
            && ledger.as_of == Some(self.as_of.timestamp_micros())
            && ledger.job_hash.starts_with(&hash)
        {
            return Ok(Prepared::Nothing(ledger));
        }
        let frames = lake.open_listed(&tables, &listings, &ledger.known()).map_err(JobError::Input)?;
        let sources: IndexMap<String, SourceFrame> = names.into_iter().zip(frames).collect();
        let lacking = self.job_unavailable(job, &sources)?;
        let job_hash = format!("{hash} {}", lacking.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        Ok(Prepared::Something { ledger, sources, lacking, strange, job_hash })
    }

    fn run_once(
        &self,
        job: &Job,
        (asked, ahead): (&Asked, &Ahead),
        (shelf, lost, with_rows): (&Shelf, &Mutex<BTreeSet<String>>, bool),
        progress: &dyn Progress,
    ) -> Result<RunSummary, JobError> {
        let steps_of = |tables: usize| tables * 3 + RESULTS_OF_RUNS + 1;
        let laps = Laps::begin(progress, steps_of(job.tables.len()));
        let (ledger, sources, lacking, strange, job_hash) = match self.prepare(job, asked, shelf)? {
            Prepared::Nothing(ledger) => return self.nothing_to_do(job, &ledger, shelf, &laps),
            Prepared::Something { ledger, sources, lacking, strange, job_hash } => (ledger, sources, lacking, strange, job_hash),
        };
        laps.done(Step::Open, None);
        let sources = Self::gathered(sources)?;
        let mut there = shelf.kept_paths(&folder(&job.name))?;
        there.retain(|path| !locked(lost).contains(path));
        let gone = lost_cells(&ledger, &there);
        let worklist = Worklist::new(&self.project, &ledger, &sources, self.as_of).asking(asked, &job.tables).without(gone.clone());
        if !ledger.claimed && !ledger.run_id.is_empty() {
            // The last run may have died before its last write.
            Publication::new(self, job).record(&ledger, shelf)?;
        }
        let since = Since::new(self, &ledger, &job_hash).but_for(strange);
        let is_known = |table: &JobTable| asked.tables.is_empty() || asked.tables.contains(&table.name) || ledger.has_cells(&table.name);
        let tables: Vec<&JobTable> = job.tables.iter().filter(|table| is_known(table)).collect();
        let requests: Vec<(&str, CellRequest)> = tables.iter().map(|table| (table.name.as_str(), request_of(table))).collect();
        let run_id = self.run_id(job, asked, &sources);
        // Tables remember the number of the last run, where its ledger is lost.
        let epoch = if ledger.epoch == 0 { shelf.last_write("kpi_values", &application(&job.name, "kpi_values"))? } else { ledger.epoch } + 1;
        let cell_shelf = CellShelf::new((self, job), (&ledger, gone), (epoch, &run_id), (shelf, lost));
        let engine = IncrementalEngine::new(self, &worklist).with(ahead).putting(&cell_shelf);
        let stamp = Stamp { job: &job.name, run_id: &run_id, as_of: self.as_of };
        let mut publication = Publication::new(self, job);
        let mut works: IndexMap<&str, TableWork> = IndexMap::new();
        for (table, request) in &requests {
            works.insert(table, worklist.of_table(table, request).map_err(JobError::Metrics)?);
        }
        let reasons: BTreeSet<Reason> = works.iter().flat_map(|(table, work)| since.reasons(table, work)).collect();
        if reasons.is_empty() && !asked.is_nothing() && asked.backfill == ledger.backfill {
            return self.nothing_to_do(job, &ledger, shelf, &laps);
        }
        let models = self.models_with_rows(&tables, &sources)?;
        laps.expect(models.len() + steps_of(tables.len()));
        let paths = if with_rows { there } else { BTreeSet::new() };
        let job_models = self.job_models(job);
        let scope = self.scope_of_job(&job_models, &worklist);
        // The sources are tested while rows are made of them: neither keeps all cores busy.
        let tested = || self.findings_of_sources(worklist.sources(), &scope);
        let known = ledger.columns.clone().filter(|_| ledger.job_hash == job_hash);
        let columns = if known.is_none() && !models.is_empty() { Some(self.columns_read(job, &sources, &scope)?) } else { known };
        let rows = RowShelf { shelf, folder: rows_folder(&job.name), run_id: run_id.clone(), paths, columns: columns.clone().unwrap_or_default() };
        let (of_sources, engine) = beside(tested, || engine.with_rows(rows, &models, &laps));
        let engine = engine?;
        let Found { found, kept: tests } = self.job_findings(of_sources?, (&engine.whole().map_err(JobError::Metrics)?, &scope), &worklist)?;
        laps.done(Step::Test, None);
        engine.ask(&requests, &|table| laps.done(Step::Aggregate, Some(table)))?;
        let (answers, held) = engine.into_kept();
        let deriving = Deriving { workspace: self, since: &since, cells: &cell_shelf, lacking: &lacking, laps: &laps };
        let (rows, derived) = beside(|| held.put(), || deriving.derive(&tables, answers, &mut publication));
        let (Derived { values, headline, of_metrics, first_day, cells }, rows) = (derived?, rows?);
        let values: Arc<dyn MakeRows> = Arc::new(values.arranged(&stamp));
        let (values, restated) = self.restate(job, Restated { ledger: &ledger, run_id: &run_id, works: &works, since: &of_metrics, values }, shelf, &mut publication)?;
        let own = Replace::Where { column: "job".to_owned(), value: job.name.clone() };
        publication.add("kpi_values", values, replacing_values(&of_metrics, job));
        let found: Vec<Finding> = found.into_iter().chain(availability::findings(&lacking)).collect();
        let finder = Finder { job: &job.name, run_id: &run_id, as_of: self.as_of };
        let findings = found.len();
        publication.add("kpi_findings", kpi_findings(&found, &finder).map_err(JobError::Output)?, own);
        publication.add("kpi_dictionary", kpi_dictionary(&self.project).map_err(JobError::Output)?, Replace::All);
        let (from, to) = self.calendar_range(first_day);
        publication.add("dim_date", dim_date(&self.project.calendar, from, to).map_err(JobError::Output)?, Replace::All);
        let range = PeriodRange { calendar: &self.project.calendar, grains: &self.project.grains(), from, to, as_of: self.as_of };
        publication.add("dim_period", dim_period(&range).map_err(JobError::Output)?, Replace::All);
        let read: BTreeMap<&String, u64> = works.values().flat_map(|work| &work.files).map(|(address, size)| (address, *size)).collect();
        let files = sources.iter().map(|(name, source)| (name.clone(), source.files.iter().map(|file| (file.address.clone(), file.clone())).collect())).collect();
        let next = Ledger {
            epoch,
            claimed: false,
            run_id: run_id.clone(),
            as_of: Some(self.as_of.timestamp_micros()),
            job_hash,
            columns,
            files,
            cells,
            rows,
            tests,
            tables: Vec::new(),
            // A run that nobody asked anything of leaves an open backfill open.
            backfill: if asked.is_nothing() { ledger.backfill.clone() } else { asked.backfill.clone() },
            work: RunWork {
                reasons: reasons.iter().map(|reason| reason.words()).collect::<Vec<_>>().join(", "),
                files: i64::try_from(read.len()).unwrap_or(i64::MAX),
                bytes: i64::try_from(read.values().sum::<u64>()).unwrap_or(i64::MAX),
                restated: i64::try_from(restated).unwrap_or(i64::MAX),
                findings: i64::try_from(findings).unwrap_or(i64::MAX),
                timings: Vec::new(),
            },
        };
        let tables = publication.publish(&ledger, next, shelf, &laps)?;
        laps.end();
        Ok(RunSummary { headline: headline.into_batch()?, unavailable: lacking, reasons: reasons.into_iter().collect(), restated, ..self.summary(job, &run_id, tables)? })
    }

    /// The run before said it all; its row in `kpi_runs` is written where it died before it could.
    fn nothing_to_do(&self, job: &Job, ledger: &Ledger, shelf: &Shelf, laps: &Laps<'_>) -> Result<RunSummary, JobError> {
        let mut tables = ledger.tables.clone();
        tables.push(Publication::new(self, job).record(ledger, shelf)?);
        laps.end();
        self.summary(job, &ledger.run_id, tables.into_iter().map(|w| WrittenTable { name: w.name, version: w.version, changed: w.changed, rows: w.rows }).collect())
    }

    fn summary(&self, job: &Job, run_id: &str, tables: Vec<WrittenTable>) -> Result<RunSummary, JobError> {
        Ok(RunSummary {
            run_id: run_id.to_owned(),
            job: job.name.clone(),
            as_of: self.as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true),
            results: job.results.clone(),
            tables,
            headline: Headline::new(&self.project, self.as_of).into_batch()?,
            unavailable: Vec::new(),
            reasons: Vec::new(),
            restated: 0,
        })
    }

    /// The models that keep their rows among those that a run reads, each after those that it reads itself.
    ///
    /// A run reads the models that tables ask for, those that they are joined with, and those of findings.
    fn models_with_rows(&self, tables: &[&JobTable], sources: &IndexMap<String, SourceFrame>) -> Result<Vec<&Model>, JobError> {
        let of_findings = self.project.models.values().filter(|model| model.findings && self.reads_only(&model.name, sources));
        let mut models: BTreeSet<String> = of_findings.map(|model| model.name.clone()).collect();
        for table in tables {
            let asked = request_of(table);
            let requests = requests_of(&self.project, &asked).map_err(JobError::Metrics)?;
            for request in requests.of_rows() {
                models.extend(joined_models(&self.project, request));
                models.insert(request.model.to_owned());
            }
        }
        // Nobody reads findings; what they look for in sources, facts have looked for before them.
        let (findings, facts): (Vec<&String>, Vec<&String>) = models.iter().partition(|model| self.project.models.get(*model).is_some_and(|model| model.findings));
        let mut seen = BTreeSet::new();
        let read = facts.into_iter().chain(findings).flat_map(|model| self.project.upstream(model)).filter(|model| seen.insert(model.name.as_str()));
        Ok(read.filter(|model| model.incremental.as_ref().is_some_and(|incremental| incremental.keep_rows)).collect())
    }

    /// Compares the new values with the published ones; gives the new ones and the number of restated cells.
    fn restate(&self, job: &Job, new: Restated<'_>, shelf: &Shelf, publication: &mut Publication<'_>) -> Result<(NewRows, u64), JobError> {
        let mut causes: BTreeMap<String, BTreeSet<Reason>> = BTreeMap::new();
        for table in &job.tables {
            let Some(work) = new.works.get(table.name.as_str()) else { continue };
            for metric in &table.metrics {
                causes.entry(metric.clone()).or_default().extend(work.reasons(&|model| crate::question::stands_on(&self.project, metric, model)));
            }
        }
        let words = |reasons: BTreeSet<Reason>| reasons.into_iter().map(Reason::words).collect::<Vec<_>>().join(", ");
        let causes = causes.into_iter().map(|(metric, reasons)| (metric, words(reasons))).collect();
        let slices = |table: &JobTable| -> Vec<(String, String)> {
            table.metrics.iter().flat_map(|metric| table.slices.iter().map(move |slice| (metric.clone(), slice_name(slice)))).collect()
        };
        let shown = job.tables.iter().flat_map(slices).collect();
        let restating = Restating { job: &job.name, run_id: new.run_id, as_of: self.as_of, causes: &causes, shown: &shown, since: new.since };
        let refuse = |error: arrow::error::ArrowError| refused(RESTATEMENTS, &error);
        // A run that died may have written its values already: what counts is what the last whole run published.
        let published = new.ledger.tables.iter().find(|table| table.name == "kpi_values").filter(|_| new.ledger.claimed);
        let first = new.since.values().copied().min().unwrap_or(i32::MAX);
        let values = NewRows::Made(new.values);
        let by_end = values.by_end().unwrap_or_default();
        let mut found = Vec::new();
        // Where nothing is published, there is nothing to compare; the values are made as they are compared, and again as they are written.
        shelf.visit_ending_after("kpi_values", (first, published.map(|table| table.version)), |months| {
            let of_month = |(days, before): (Range<i32>, RecordBatch)| {
                let days = days.start.saturating_sub(END_MOVES)..days.end.saturating_add(END_MOVES);
                restating.found(&before, &values.at(&by_end.within(days))?)
            };
            let restated = months.into_par_iter().map(of_month).collect::<Result<Vec<_>, _>>()?;
            found.extend(restated.into_iter().flatten());
            Ok(())
        })?;
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let rows = restating.rows(found).map_err(refuse)?;
        let runs = shelf.read("kpi_runs")?;
        let ended: BTreeSet<&str> =
            runs.iter().filter_map(|runs| runs.column_by_name("run_id")?.as_string_opt::<i32>()).flat_map(arrow::array::GenericByteArray::iter).flatten().collect();
        let has_ended = |run: &str| ended.contains(run) || (run == new.ledger.run_id && !new.ledger.claimed);
        let all = restating.appended(shelf.read(RESTATEMENTS)?.as_ref(), &has_ended, &rows).map_err(refuse)?;
        publication.add(RESTATEMENTS, all, Replace::Where { column: "job".to_owned(), value: job.name.clone() });
        Ok((values, count))
    }

    /// A hash of all that decides what is computed beside the lake and as-of.
    fn job_hash(&self, job: &Job) -> String {
        let mut hasher = Sha256::new();
        hasher.update(format!("{}{}{:?}{:?}", env!("CARGO_PKG_VERSION"), self.texts_hash, job.tables, job.required));
        for (name, model) in &self.project.models {
            hasher.update(format!("{}{:?}", model_hash(&self.project, name), model.tests));
        }
        for source in self.project.sources.values() {
            hasher.update(format!("{}{:?}", source.location, source.tests));
        }
        short_hash(hasher)
    }

    /// A name for what a run depends on: job, as-of, what was asked for, definitions, and the files that it reads.
    fn run_id(&self, job: &Job, asked: &Asked, sources: &IndexMap<String, SourceFrame>) -> String {
        let mut hasher = Sha256::new();
        hasher.update(format!("{} {}", job.name, self.as_of.timestamp_micros()));
        if !asked.is_nothing() {
            hasher.update(format!("{:?}{:?}{:?}", asked.limit, asked.days, asked.tables));
        }
        for table in &job.tables {
            hasher.update(format!("{} {:?} {:?} {:?} {:?}", table.name, table.metrics, table.slices, table.grains, table.filters));
        }
        for metric in job.tables.iter().flat_map(|t| &t.metrics).filter_map(|m| self.project.metrics.get(m)) {
            hasher.update(definition_hash(&self.project, metric));
        }
        for file in sources.values().flat_map(|s| &s.files) {
            hasher.update(format!("{} {} {:?}", file.address, file.size, file.etag));
        }
        short_hash(hasher)
    }

    /// Whole years from the first period of the results to the year of as-of.
    fn calendar_range(&self, first: NaiveDate) -> (NaiveDate, NaiveDate) {
        let today = self.project.calendar.day_of(self.as_of);
        let start = |year| NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or(today);
        (start(first.year()), start(today.year() + 1))
    }
}

/// What restatements are told from.
struct Restated<'a> {
    ledger: &'a Ledger,
    run_id: &'a str,
    works: &'a IndexMap<&'a str, TableWork>,
    since: &'a BTreeMap<String, i32>,
    values: Arc<dyn MakeRows>,
}

/// The rows of a job in `kpi_values` that are written anew, with a day for each metric.
fn replacing_values(days: &BTreeMap<String, i32>, job: &Job) -> Replace {
    let (column, value) = ("job".to_owned(), job.name.clone());
    let first = days.values().copied().min().unwrap_or(i32::MAX);
    if !days.is_empty() && days.values().all(|day| *day == i32::MIN) {
        return Replace::Where { column, value };
    }
    Replace::EndingAfter(EndingAfter { day: first, by: Some(("metric".to_owned(), days.clone())), only: Some((column, value)) })
}

/// What a table asks of the metrics.
pub(crate) fn request_of(table: &JobTable) -> CellRequest {
    let groupings = table.grains.iter().flat_map(|grain| table.slices.iter().map(|slice| BaseGrouping { grain: Some(*grain), slice: slice.clone() }));
    CellRequest { metrics: table.metrics.clone(), groupings: groupings.collect(), filters: table.filters.clone(), counts: Counts::Yes, ..CellRequest::default() }
}
