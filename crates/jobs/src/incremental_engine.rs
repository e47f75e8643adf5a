//! An engine that computes what changed, and takes the rest from the cells that were kept.
//!
//! In: requests of tables. Out: the same cells as the engine inside gives for the whole lake. Cells of touched periods come from the
//! engine, over those files of the lake alone in which events of these periods can be; all others are those of the last run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use chrono::NaiveDate;
use indexmap::IndexMap;
use quotient_ingest::SourceFrame;
use quotient_metrics::sql::Relation;
use quotient_metrics::{BaseRequest, CellRequest, Chosen, ConversionRequest, Engine, Keys, MetricsError, PolarsEngine, joined_rows, requests_of};
use quotient_model::{Grain, Model};
use quotient_report::Step;

use crate::ahead::Ahead;
use crate::announced::Announcements;
use crate::answers::{Answered, Answers, Changed, Held};
use crate::cell_shelf::CellShelf;
use crate::days::{Days, gaps, joined, pairs};
use crate::error::JobError;
use crate::kept_rows::{HeldModels, HeldRows, RowKeeper, RowShelf};
use crate::ledger::Kept;
use crate::progress::Laps;
use crate::question::{base_key, base_question, conversion_key, conversion_question, first_joins, grains_of};
use crate::rolled::RolledUp;
use crate::side_by_side::{in_turn, locked, side_by_side, taken};
use crate::source_rows::part_of;
use crate::stored_cells::{Question, Stored, refused, year_of};
use crate::stretches::Touching;
use crate::work::{Decision, Work, Worklist};
use crate::workspace::Workspace;

/// Models whose rows are brought up to date at once.
const MODELS_AT_ONCE: usize = 2;

/// Tables that are asked for at once: each has the states of a fact in memory.
const TABLES_AT_ONCE: usize = 2;

/// As many rows that joins brought wait for further requests, in lots of those that are made at once.
const LOTS_OF_JOINED_ROWS: u64 = 2;

/// A question, and what is done about it.
struct Considered<'a> {
    key: String,
    question: Question,
    decision: Decision,
    /// What the ledger says of the kept cells that answer it.
    known: Option<&'a Kept>,
    /// Whether these have to be read.
    is_read: bool,
    /// Those that were read.
    kept: Option<Stored>,
    /// The first of the years that have to be, where some need not.
    from: Option<i32>,
    /// Whether these were asked with the same question: what is not asked any more is not kept, for nobody would see that it is stale.
    is_same: bool,
    /// The days that the kept cells cover.
    before: Vec<Days>,
    does: Does,
}

/// Which cells of a request are computed.
enum Does {
    /// None: those that were kept are the answer.
    Keep,
    /// Those of some days, beside what was kept.
    Days(Touching),
    /// All: without what was kept, everything is.
    Whole,
}

/// What is touched, and what was kept, to an answer.
type Part<'r> = dyn Fn(&Touching, Option<&Stored>) -> Result<Stored, MetricsError> + 'r;

/// Rows with some keys, with these.
type ChosenRows = Mutex<Option<(Keys, Relation)>>;

/// The engine of one run.
pub(crate) struct IncrementalEngine<'a> {
    workspace: &'a Workspace,
    worklist: &'a Worklist<'a>,
    /// The engine over all files.
    whole: Mutex<Option<Arc<PolarsEngine<'a>>>>,
    /// Engines over some of the files, by these files.
    engines: Mutex<BTreeMap<String, Arc<PolarsEngine<'a>>>>,
    /// Rows of sources by the column of their keys, with all of the keys that were looked for; while they are read, others wait for them.
    chosen: Mutex<BTreeMap<(String, String), Arc<ChosenRows>>>,
    answers: Mutex<Answers>,
    /// What will be asked of rows, until it is: requests for the same rows are answered together.
    announced: Announcements<'a>,
    /// Cells that were computed before.
    ahead: Option<&'a Ahead>,
    /// Held by who makes many rows of a model, or looks through them.
    many_rows: Mutex<()>,
    /// The rows of models that are kept.
    rows: Mutex<BTreeMap<String, HeldRows>>,
    /// Where they lie; `None` where no rows are kept.
    shelf: Option<RowShelf<'a>>,
    /// Where cells lie; `None` where none are kept.
    cells: Option<&'a CellShelf<'a>>,
}

impl<'a> IncrementalEngine<'a> {
    /// An engine over opened sources.
    pub(crate) fn new(workspace: &'a Workspace, worklist: &'a Worklist<'a>) -> Self {
        Self {
            workspace,
            worklist,
            whole: Mutex::default(),
            engines: Mutex::default(),
            chosen: Mutex::default(),
            answers: Mutex::default(),
            announced: Announcements::default(),
            ahead: None,
            many_rows: Mutex::default(),
            rows: Mutex::default(),
            shelf: None,
            cells: None,
        }
    }

    /// The same with the place of cells that were kept, and of answers of many cells.
    pub(crate) fn putting(self, cells: &'a CellShelf<'a>) -> Self {
        Self { cells: Some(cells), ..self }
    }

    /// The same with the rows that models keep brought up to date.
    ///
    /// Many rows are put where they stay at once, and read from there.
    pub(crate) fn with_rows(self, shelf: RowShelf<'a>, models: &[&Model], laps: &Laps<'_>) -> Result<Self, JobError> {
        // Neither of two keeps all cores busy.
        let behind: Vec<BTreeSet<&str>> = models.iter().map(|model| self.workspace.project.upstream(&model.name).into_iter().map(|model| model.name.as_str()).collect()).collect();
        let waits_for = |place: usize, other: usize| place != other && behind[place].contains(models[other].name.as_str());
        let done = in_turn(models.len(), MODELS_AT_ONCE, &waits_for, |place| {
            let model = models[place];
            self.hold(model, &shelf)?;
            laps.done(Step::Test, Some(&model.name));
            Ok(())
        });
        done?;
        locked(&self.chosen).clear();
        Ok(Self { shelf: Some(shelf), ..self })
    }

    /// Brings the rows of a model up to date, for all that reads them.
    fn hold(&self, model: &Model, shelf: &RowShelf<'a>) -> Result<(), JobError> {
        let keeper = self.keeper(shelf);
        let Some(mut rows) = keeper.hold(model).map_err(JobError::Metrics)? else { return Ok(()) };
        if rows.are_many() {
            shelf.put(&model.name, &mut rows, &|_| true)?;
        }
        let lots = keeper.in_lots(&model.name, &rows, None).map_err(JobError::Metrics)?;
        self.whole().and_then(|whole| whole.put_lots(&model.name, lots)).map_err(JobError::Metrics)?;
        locked(&self.rows).insert(model.name.clone(), rows);
        Ok(())
    }

    /// Finds the days of rows that are joined with rows that differ, for the requests of a table.
    fn observe_joins(&self, request: &BaseRequest<'_>) -> Result<(), MetricsError> {
        let rows = locked(&self.rows);
        let Some((own, shelf)) = rows.get(request.model).zip(self.shelf.as_ref()) else { return Ok(()) };
        for (model, keys) in first_joins(&self.workspace.project, request) {
            let Some((other, keys)) = rows.get(&model).zip(keys) else { continue };
            let join = (request.model.to_owned(), model, keys);
            if self.worklist.has_observed(&join) {
                continue;
            }
            if let Some(days) = self.keeper(shelf).joined_days((request.model, own), other, &join.2)? {
                self.worklist.observe_join(join, &days);
            }
        }
        Ok(())
    }

    /// Until it is dropped, nobody else makes many rows, or looks through them: that takes what room there is, and keeps all cores busy.
    pub(crate) fn alone(&self) -> MutexGuard<'_, ()> {
        locked(&self.many_rows)
    }

    /// The rows of models that are up to date so far.
    pub(crate) fn rows_held(&self) -> MutexGuard<'_, BTreeMap<String, HeldRows>> {
        locked(&self.rows)
    }

    fn keeper<'e>(&'e self, shelf: &'e RowShelf<'a>) -> RowKeeper<'e, 'a> {
        RowKeeper { workspace: self.workspace, worklist: self.worklist, engine: self, shelf }
    }

    /// Everything that was answered, and the rows of models.
    pub(crate) fn into_kept(self) -> (Answers, HeldModels<'a>) {
        let Self { answers, rows, shelf, .. } = self;
        (taken(answers), HeldModels { rows: taken(rows), shelf })
    }

    /// A question with what is done about it; `first_touched` says from which day on cells of kept ones are touched.
    fn considered(&self, key: String, question: Question, decision: Decision, first_touched: &dyn Fn(&Touching) -> Option<i32>) -> Considered<'a> {
        let known = self.cells.and_then(|shelf| shelf.last(&key)).filter(|known| known.question.covers(&question));
        let is_same = known.is_some_and(|known| known.question == question);
        let before = self.worklist.covered(&key, &question);
        let does = match (&decision.work, known) {
            (Work::Keep, Some(_)) => Does::Keep,
            (Work::Days(days), known) => Does::Days(self.worklist.touching(days, joined(before.iter().filter(|_| known.is_some()).chain(days).copied()))),
            (_, _) => Does::Whole,
        };
        // A ledger of before did not say which day is the first.
        let says_first = known.is_some_and(|known| known.first_day.is_some());
        let from = match &does {
            Does::Days(touching) if is_same && says_first => first_touched(touching).and_then(year_of),
            _ => None,
        };
        let is_read = match does {
            Does::Keep => !is_same || !says_first,
            Does::Days(_) => true,
            Does::Whole => is_same,
        };
        Considered { key, question, decision, known, is_read, kept: None, from, is_same, before, does }
    }

    /// Reads the kept cells that are needed to answer a question.
    fn read_kept(&self, asked: &mut Considered<'_>) -> Result<(), JobError> {
        let Some((shelf, known)) = self.cells.zip(asked.known).filter(|_| asked.is_read) else { return Ok(()) };
        let kept = shelf.read(&asked.key, known, &|year| asked.from.is_none_or(|from| year >= from))?;
        let narrowed = kept.narrowed(&asked.question).map_err(|error| JobError::Metrics(refused(&asked.key, &error)))?;
        asked.kept = Some(narrowed);
        Ok(())
    }

    /// Says what an engine will be asked for a request.
    fn announce(&self, asked: &Considered<'_>, request: &BaseRequest<'a>) {
        let touching = match &asked.does {
            Does::Keep => return,
            Does::Whole => return self.announced.add(None, request.clone()),
            Does::Days(touching) => touching,
        };
        if self.ahead.is_some_and(|ahead| ahead.cells(&asked.key, touching).is_some()) {
            return;
        }
        let rolled = asked.kept.as_ref().and_then(|kept| RolledUp::new(request, kept));
        let parts = rolled.map_or_else(|| vec![request.clone()], |rolled| std::iter::once(rolled.shortest()).chain(rolled.others()).collect());
        for (days, request) in parts.iter().flat_map(|part| self.stretches(part, touching)) {
            self.announced.add(Some(days), request);
        }
    }

    /// The cells of a request over all files or over those of some days; those that were announced for the same rows are computed with it.
    fn base_cells(&self, days: Option<Days>, request: &BaseRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError> {
        let go_with = |other: &BaseRequest<'_>| {
            // An engine of some days has some files of the sources that are the model's own: of one that a join brings as well, it has all.
            request.has_rows_of(other) && (days.is_none() || self.worklist.own_sources(other) == self.worklist.own_sources(request))
        };
        let compute = |requests: &[BaseRequest<'_>]| {
            let engine = days.map_or_else(|| self.whole(), |days| self.of_days(request, days))?;
            if let [alone] = requests { Ok(vec![engine.base_cells(alone)?]) } else { engine.base_cells_together(requests) }
        };
        self.announced.cells(days, request, &go_with, &compute)
    }

    /// Answers every request of some tables, so that it is known what differs before cells are derived from them.
    pub(crate) fn ask(&self, tables: &'a [(&str, CellRequest)], answered: &(dyn Fn(&str) + Sync)) -> Result<(), JobError> {
        let project = &self.workspace.project;
        let mut all = Vec::with_capacity(tables.len());
        for (table, request) in tables {
            let requests = requests_of(project, request).map_err(JobError::Metrics)?;
            let mut base = Vec::with_capacity(requests.base.len());
            for request in requests.base {
                self.observe_joins(&request).map_err(JobError::Metrics)?;
                let (key, question) = (base_key(table, &request), base_question(project, &request));
                let decision = self.worklist.of_base(&key, &question, &request);
                let first_touched = |touching: &Touching| touching.stretches(&project.calendar, &request).iter().map(|days| days.from).min();
                base.push((self.considered(key, question, decision, &first_touched), request));
            }
            all.push((base, requests.conversions));
        }
        let threads = rayon::current_num_threads().max(1);
        let read = side_by_side(all.iter_mut().flat_map(|(base, _)| base).map(|(asked, _)| asked), threads, |_, asked| self.read_kept(asked));
        read.into_iter().collect::<Result<(), JobError>>()?;
        all.iter().flat_map(|(base, _)| base).for_each(|(asked, request)| self.announce(asked, request));
        let all: Vec<Mutex<_>> = all.into_iter().map(Mutex::new).collect();
        in_turn(tables.len(), TABLES_AT_ONCE, &|_, _| false, |place| {
            let (base, conversions) = std::mem::take(&mut *locked(&all[place]));
            let table = tables[place].0;
            for (asked, request) in base {
                let key = asked.key.clone();
                let part = |touching: &Touching, kept: Option<&Stored>| self.part(&key, &request, touching, kept);
                self.answer(asked, &grains_of(&request), &|| self.base_cells(None, &request), &part)?;
            }
            conversions.iter().try_for_each(|conversion| self.ask_conversion(table, conversion))?;
            answered(table);
            Ok(())
        })
    }

    fn ask_conversion(&self, table: &str, request: &ConversionRequest<'_>) -> Result<(), JobError> {
        let (key, question) = (conversion_key(table, request), conversion_question(&self.workspace.project, request));
        let decision = self.worklist.of_conversion(&key, &question, request);
        // A conversion may come long after its base row: there is no part of it.
        let whole = || self.whole()?.conversion_cells(request);
        let of_part = question.clone();
        let part = |_: &Touching, _: Option<&Stored>| Stored::new(of_part.clone(), &whole()?).map_err(|error| refused(request.base.model, &error));
        let mut asked = self.considered(key, question, decision, &|_| None);
        self.read_kept(&mut asked)?;
        self.answer(asked, &grains_of(&request.base), &whole, &part)
    }

    fn answer(&self, asked: Considered<'_>, grains: &[Option<Grain>], whole: &dyn Fn() -> Result<Vec<RecordBatch>, MetricsError>, part: &Part<'_>) -> Result<(), JobError> {
        let Considered { key, question, decision, known, kept, from, is_same, before, does, .. } = asked;
        let refuse = |error: ArrowError| JobError::Metrics(refused(&key, &error));
        let (stored, covered) = match (does, &kept) {
            (Does::Keep, Some(kept)) => (kept.clone(), before.clone()),
            (Does::Keep, None) => {
                // What lies there is the answer.
                let cells = known.map(|known| Kept { covered: before.clone(), ..known.clone() }).ok_or_else(|| refuse(ArrowError::ComputeError("no cells are kept".to_owned())))?;
                let (first_day, changes) = (cells.first_day, Changed::Since { day: i32::MAX, years: BTreeSet::new() });
                locked(&self.answers).insert(key, Answered { cells: Held::Put(cells), first_day, changes, covered: before });
                return Ok(());
            }
            (Does::Days(touching), kept) => (part(&touching, kept.as_ref()).map_err(JobError::Metrics)?, touching.known),
            (Does::Whole, _) => (Stored::new(question, &whole().map_err(JobError::Metrics)?).map_err(refuse)?, vec![Days::ALL]),
        };
        let uncovered: Vec<Days> = covered.iter().flat_map(|days| gaps(&before, *days)).collect();
        let changes = match kept.filter(|_| is_same) {
            None => Changed::Everywhere { day: decision.first_day().unwrap_or(i32::MAX) },
            Some(kept) => self.changes(&stored, &kept, grains, &uncovered).map_err(refuse)?,
        };
        // The first of all years is among those that were read, or has not changed.
        let first_before = known.and_then(|known| known.first_day).filter(|day| from.is_some_and(|from| year_of(*day).is_some_and(|year| year < from)));
        let first_day = first_before.or_else(|| stored.first_day());
        let answered = Answered { cells: (), first_day, changes, covered };
        let answered = match self.cells {
            Some(shelf) => shelf.hold(&key, stored, from, answered)?,
            None => answered.with(Held::There(stored)),
        };
        locked(&self.answers).insert(key, answered);
        Ok(())
    }

    /// Where an answer differs from what was kept; days that it covers anew count as different.
    fn changes(&self, stored: &Stored, kept: &Stored, grains: &[Option<Grain>], uncovered: &[Days]) -> Result<Changed, ArrowError> {
        let calendar = &self.workspace.project.calendar;
        let mut since = uncovered.iter().map(|days| days.from).min().unwrap_or(i32::MAX);
        let mut years = BTreeSet::new();
        for (at, first) in stored.first_differences(kept)?.into_iter().enumerate() {
            let Some(first) = first else { continue };
            let period = grains.get(at).copied().flatten().zip(NaiveDate::from_epoch_days(first)).map(|(grain, day)| calendar.period(grain, day));
            since = since.min(period.map_or(i32::MIN, |period| period.last_day().to_epoch_days()));
            years.extend(stored.years_from(at, first).into_iter().chain(kept.years_from(at, first)));
        }
        Ok(Changed::Since { day: since, years })
    }

    /// The same with cells that were computed ahead, if from the files that are here.
    pub(crate) fn with(self, ahead: &'a Ahead) -> Self {
        Self { ahead: ahead.is_from(self.worklist.sources()).then_some(ahead), ..self }
    }

    /// Touched cells computed anew beside what was kept.
    fn part(&self, key: &str, request: &BaseRequest<'_>, touching: &Touching, kept: Option<&Stored>) -> Result<Stored, MetricsError> {
        let grains = grains_of(request);
        let calendar = &self.workspace.project.calendar;
        let takes = |at: usize, day: i32| touching.takes_at(calendar, grains.get(at).copied().flatten(), day);
        let computed = self.ahead.and_then(|ahead| ahead.cells(key, touching));
        let fresh = computed.map_or_else(|| self.taken(request, touching, kept), Ok)?;
        // Where nothing was kept, what is there is the fresh cells of no period.
        let nothing = Stored { question: base_question(&self.workspace.project, request), batches: fresh.iter().map(|batch| batch.slice(0, 0)).collect() };
        kept.unwrap_or(&nothing).merged(&fresh, &takes).map_err(|error| refused(request.model, &error))
    }

    /// Fresh cells of the periods that are taken: long ones are made of shorter ones where these are kept.
    fn taken(&self, request: &BaseRequest<'_>, touching: &Touching, kept: Option<&Stored>) -> Result<Vec<RecordBatch>, MetricsError> {
        if let Some(rolled) = kept.and_then(|kept| RolledUp::new(request, kept)) {
            let shortest = self.fresh(&rolled.shortest(), touching)?;
            let others = rolled.others().map(|others| self.fresh(&others, touching)).transpose()?;
            if let Some(cells) = rolled.cells(&self.workspace.project.calendar, touching, &shortest, others.as_deref())? {
                return Ok(cells);
            }
        }
        self.fresh(request, touching)
    }

    /// The cells of whole periods around some days, over the files in which their events can be.
    pub(crate) fn fresh(&self, request: &BaseRequest<'_>, touching: &Touching) -> Result<Vec<RecordBatch>, MetricsError> {
        let mut fresh: Vec<Vec<RecordBatch>> = vec![Vec::new(); request.groupings.len()];
        for (days, limited) in self.stretches(request, touching) {
            let batches = self.base_cells(Some(days), &limited)?;
            fresh.iter_mut().zip(batches).for_each(|(all, batch)| all.push(batch));
        }
        self.whole()?.forget_joined(self.workspace.rows_at_once.saturating_mul(LOTS_OF_JOINED_ROWS));
        fresh.iter().map(|batches| joined_rows(batches)).collect::<Result<_, _>>().map_err(|error: ArrowError| refused(request.model, &error))
    }

    /// A request limited to the whole periods around some days, stretch by stretch.
    fn stretches<'r>(&self, request: &BaseRequest<'r>, touching: &Touching) -> Vec<(Days, BaseRequest<'r>)> {
        let limited = |days: Days| {
            let (from, to) = (NaiveDate::from_epoch_days(days.from), NaiveDate::from_epoch_days(days.to));
            (days, BaseRequest { from, to, only: pairs(&touching.days), ..request.clone() })
        };
        touching.stretches(&self.workspace.project.calendar, request).into_iter().map(limited).collect()
    }

    /// An engine for the rows of a request between two days.
    fn of_days(&self, request: &BaseRequest<'_>, days: Days) -> Result<Arc<PolarsEngine<'a>>, MetricsError> {
        let rows = locked(&self.rows);
        let Some((held, shelf)) = rows.get(request.model).zip(self.shelf.as_ref()) else { return self.limited(request.model, &self.worklist.own_sources(request), days) };
        let project = &self.workspace.project;
        let others = project.models.keys().filter(|name| *name != request.model).cloned().collect();
        let engine = PolarsEngine::new(project, IndexMap::new(), self.workspace.as_of).with_models_of(&self.whole()?, others);
        engine.put_lots(request.model, self.keeper(shelf).in_lots(request.model, held, Some(&[days]))?)?;
        Ok(Arc::new(engine))
    }

    /// An engine over the files that rows of a model between two days can come from; of sources that are not its own, over all.
    pub(crate) fn limited(&self, model: &str, own: &BTreeSet<&String>, days: Days) -> Result<Arc<PolarsEngine<'a>>, MetricsError> {
        let mut parts = IndexMap::new();
        let mut signature = String::new();
        let mut limited = BTreeSet::new();
        for (name, source) in self.worklist.sources() {
            let part = if own.contains(name) { part_of(name, source, &|file| self.worklist.reads(model, name, file, days))? } else { source.clone() };
            if part.files.len() < source.files.len() {
                limited.insert(name.clone());
            }
            signature.push_str(name);
            part.files.iter().for_each(|file| signature.push_str(&file.address));
            parts.insert(name.clone(), part);
        }
        if let Some(engine) = locked(&self.engines).get(&signature) {
            return Ok(Arc::clone(engine));
        }
        let engine = Arc::new(self.over_parts(parts, &|source| limited.contains(source))?);
        locked(&self.engines).insert(signature, Arc::clone(&engine));
        Ok(engine)
    }

    /// The rows of a source that have some keys in a column: those that were read for another model serve, where all of the keys are theirs.
    pub(crate) fn with_keys(&self, source: &str, relation: &Relation, column: &str, keys: &Keys) -> Result<Relation, MetricsError> {
        let place = Arc::clone(locked(&self.chosen).entry((source.to_owned(), column.to_owned())).or_default());
        let mut chosen = locked(&place);
        if let Some((_, rows)) = chosen.as_ref().filter(|(known, _)| known.has_all(keys)) {
            return Ok(rows.clone());
        }
        let rows = {
            let _alone = self.alone();
            Chosen::Keys(column.to_owned(), keys.clone(), Vec::new()).of(relation).rows(source)?.relation()
        };
        *chosen = Some((keys.clone(), rows.clone()));
        Ok(rows)
    }

    /// An engine over sources of which some have not all of their files.
    fn over_parts(&self, parts: IndexMap<String, SourceFrame>, is_limited: &dyn Fn(&String) -> bool) -> Result<PolarsEngine<'a>, MetricsError> {
        let clean = self.workspace.without_bad_rows(parts).map_err(inner)?;
        self.beside_whole(self.workspace.engine(&clean), is_limited)
    }

    /// An engine over some rows of some sources, with the models of the whole one that stand on none of these.
    pub(crate) fn beside_whole(&self, engine: PolarsEngine<'a>, is_limited: &dyn Fn(&String) -> bool) -> Result<PolarsEngine<'a>, MetricsError> {
        let project = &self.workspace.project;
        let stands_apart = |name: &&String| !project.sources_behind(name).into_iter().any(is_limited);
        Ok(engine.with_models_of(&self.whole()?, project.models.keys().filter(stands_apart).cloned().collect()))
    }

    /// The engine over all files.
    pub(crate) fn whole(&self) -> Result<Arc<PolarsEngine<'a>>, MetricsError> {
        let mut whole = locked(&self.whole);
        if let Some(engine) = &*whole {
            return Ok(Arc::clone(engine));
        }
        let clean = self.workspace.without_bad_rows(self.worklist.sources().clone()).map_err(inner)?;
        let engine = Arc::new(self.workspace.engine(&clean));
        *whole = Some(Arc::clone(&engine));
        Ok(engine)
    }
}

pub(crate) fn inner(error: JobError) -> MetricsError {
    match error {
        JobError::Metrics(error) => error,
        other => MetricsError::Bridge { column: "*".to_owned(), reason: other.to_string() },
    }
}
