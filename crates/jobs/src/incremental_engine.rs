//! An engine that computes what changed, and takes the rest from the cells that were kept.
//!
//! In: requests of tables. Out: the same cells as the engine inside gives for the whole lake. Cells of touched periods come from the
//! engine, over those files of the lake alone in which events of these periods can be; all others are those of the last run.

use std::cell::{Ref, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use chrono::NaiveDate;
use indexmap::IndexMap;
use quotient_ingest::{LakeFile, SourceFrame};
use quotient_metrics::sql::Relation;
use quotient_metrics::{BaseRequest, CellRequest, Chosen, ConversionRequest, Engine, Keys, MetricsError, PolarsEngine, joined_rows, requests_of};
use quotient_model::{Grain, Model};
use quotient_report::Step;

use crate::ahead::Ahead;
use crate::answers::{Answered, Answers, Changed};
use crate::days::{Days, gaps, joined, pairs};
use crate::error::JobError;
use crate::kept_rows::{HeldRows, RowKeeper, RowShelf};
use crate::progress::Laps;
use crate::question::{base_key, base_question, conversion_key, conversion_question, first_joins, grains_of};
use crate::rolled::RolledUp;
use crate::stored_cells::{Question, Stored, refused};
use crate::stretches::Touching;
use crate::work::{Decision, Work, Worklist};
use crate::workspace::Workspace;

/// A question, and what is done about it.
struct Considered {
    key: String,
    question: Question,
    decision: Decision,
    /// The kept cells that answer it.
    kept: Option<Stored>,
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

/// A request that will be put to the engine over all files, or to that of some days.
struct Announced<'a> {
    days: Option<Days>,
    request: BaseRequest<'a>,
    /// Its cells, where they were computed with those of another.
    cells: Option<Vec<RecordBatch>>,
}

/// The engine of one run.
pub(crate) struct IncrementalEngine<'a> {
    workspace: &'a Workspace,
    worklist: &'a Worklist<'a>,
    /// Kept cells of the last run, by request.
    kept: RefCell<BTreeMap<String, Stored>>,
    /// Engines over some of the files, by these files.
    engines: RefCell<BTreeMap<String, Rc<PolarsEngine<'a>>>>,
    /// Rows of sources by the column of their keys, with all of the keys that were looked for.
    chosen: RefCell<BTreeMap<(String, String), (Keys, Relation)>>,
    answers: RefCell<Answers>,
    /// What will be asked of rows, until it is: requests for the same rows are answered together.
    announced: RefCell<Vec<Announced<'a>>>,
    /// Cells that were computed before.
    ahead: Option<&'a Ahead>,
    /// The rows of models that are kept.
    rows: RefCell<BTreeMap<String, HeldRows>>,
    /// Where they lie; `None` where no rows are kept.
    shelf: Option<RowShelf<'a>>,
}

impl<'a> IncrementalEngine<'a> {
    /// An engine over opened sources, with the cells that were kept.
    pub(crate) fn new(workspace: &'a Workspace, worklist: &'a Worklist<'a>, kept: BTreeMap<String, Stored>) -> Self {
        Self {
            workspace,
            worklist,
            kept: RefCell::new(kept),
            engines: RefCell::default(),
            chosen: RefCell::default(),
            answers: RefCell::default(),
            announced: RefCell::default(),
            ahead: None,
            rows: RefCell::default(),
            shelf: None,
        }
    }

    /// The same with the rows that models keep brought up to date.
    ///
    /// Many rows are put where they stay at once, and read from there.
    pub(crate) fn with_rows(self, shelf: RowShelf<'a>, models: &[&Model], laps: &Laps<'_>) -> Result<Self, JobError> {
        for model in models {
            let keeper = self.keeper(&shelf);
            if let Some(mut rows) = keeper.hold(model).map_err(JobError::Metrics)? {
                if rows.are_many() {
                    shelf.put(&model.name, &mut rows, &|_| true)?;
                }
                let lots = keeper.in_lots(&model.name, &rows, None).map_err(JobError::Metrics)?;
                self.whole().and_then(|whole| whole.put_lots(&model.name, lots)).map_err(JobError::Metrics)?;
                self.rows.borrow_mut().insert(model.name.clone(), rows);
            }
            laps.done(Step::Test, Some(&model.name));
        }
        self.chosen.borrow_mut().clear();
        Ok(Self { shelf: Some(shelf), ..self })
    }

    /// Finds the days of rows that are joined with rows that differ, for the requests of a table.
    fn observe_joins(&self, request: &BaseRequest<'_>) -> Result<(), MetricsError> {
        let rows = self.rows.borrow();
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

    /// The rows of models that are up to date so far.
    pub(crate) fn rows_held(&self) -> Ref<'_, BTreeMap<String, HeldRows>> {
        self.rows.borrow()
    }

    fn keeper<'e>(&'e self, shelf: &'e RowShelf<'a>) -> RowKeeper<'e, 'a> {
        RowKeeper { workspace: self.workspace, worklist: self.worklist, engine: self, shelf }
    }

    /// Lets go of the rows of models that are in memory, every request being answered: those that are kept are put where they stay.
    pub(crate) fn put_rows(&self) -> Result<(), JobError> {
        self.engines.borrow_mut().clear();
        let Some(shelf) = &self.shelf else { return Ok(()) };
        self.rows.borrow_mut().iter_mut().try_for_each(|(model, held)| shelf.put(model, held, &|_| true))
    }

    /// Everything that was answered, and the rows that are kept.
    pub(crate) fn into_kept(self) -> (Answers, BTreeMap<String, HeldRows>) {
        (self.answers.into_inner(), self.rows.into_inner())
    }

    /// A question with what is done about it; its kept cells are taken.
    fn considered(&self, key: String, question: Question, decision: Decision) -> Result<Considered, MetricsError> {
        let kept = self.kept.borrow_mut().remove(&key).filter(|stored| stored.question.covers(&question));
        let is_same = kept.as_ref().is_some_and(|stored| stored.question == question);
        let before = self.worklist.covered(&key, &question);
        let kept = kept.map(|stored| stored.narrowed(&question)).transpose().map_err(|error| refused(&key, &error))?;
        let does = match (&decision.work, &kept) {
            (Work::Keep, Some(_)) => Does::Keep,
            (Work::Days(days), kept) => Does::Days(self.worklist.touching(days, joined(before.iter().filter(|_| kept.is_some()).chain(days).copied()))),
            (_, _) => Does::Whole,
        };
        Ok(Considered { key, question, decision, kept, is_same, before, does })
    }

    /// Says what an engine will be asked for a request.
    fn announce(&self, asked: &Considered, request: &BaseRequest<'a>) {
        let touching = match &asked.does {
            Does::Keep => return,
            Does::Whole => return self.announced.borrow_mut().push(Announced { days: None, request: request.clone(), cells: None }),
            Does::Days(touching) => touching,
        };
        if self.ahead.is_some_and(|ahead| ahead.cells(&asked.key, touching).is_some()) {
            return;
        }
        let rolled = asked.kept.as_ref().and_then(|kept| RolledUp::new(request, kept));
        let parts = rolled.map_or_else(|| vec![request.clone()], |rolled| std::iter::once(rolled.shortest()).chain(rolled.others()).collect());
        let limited = parts.iter().flat_map(|part| self.stretches(part, touching));
        self.announced.borrow_mut().extend(limited.map(|(days, request)| Announced { days: Some(days), request, cells: None }));
    }

    /// The cells of a request over all files or over those of some days; those that were announced for the same rows are computed with it.
    fn base_cells(&self, days: Option<Days>, request: &BaseRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError> {
        let known = |announced: &Announced<'_>| announced.days == days && announced.request == *request;
        let mut announced = self.announced.borrow_mut();
        let asked = announced.iter().position(known).map(|at| announced.swap_remove(at));
        if let Some(cells) = asked.and_then(|asked| asked.cells) {
            return Ok(cells);
        }
        let engine = days.map_or_else(|| self.whole(), |days| self.of_days(request, days))?;
        // An engine of some days has some files of the sources that are the model's own: of one that a join brings as well, it has all.
        let own = self.worklist.own_sources(request);
        let has_files_of = |other: &BaseRequest<'_>| days.is_none() || self.worklist.own_sources(other) == own;
        let is_beside = |other: &&mut Announced<'_>| other.days == days && other.cells.is_none() && request.has_rows_of(&other.request) && has_files_of(&other.request);
        let beside: Vec<&mut Announced<'_>> = announced.iter_mut().filter(is_beside).collect();
        if beside.is_empty() {
            return engine.base_cells(request);
        }
        let requests: Vec<BaseRequest<'_>> = std::iter::once(request).chain(beside.iter().map(|other| &other.request)).cloned().collect();
        let mut cells = engine.base_cells_together(&requests)?.into_iter();
        let own = cells.next().unwrap_or_default();
        beside.into_iter().zip(cells).for_each(|(other, cells)| other.cells = Some(cells));
        Ok(own)
    }

    /// Answers every request of some tables, so that it is known what differs before cells are derived from them.
    pub(crate) fn ask(&self, tables: &'a [(&str, CellRequest)], answered: &dyn Fn(&str)) -> Result<(), MetricsError> {
        let project = &self.workspace.project;
        let mut all = Vec::with_capacity(tables.len());
        for (table, request) in tables {
            let requests = requests_of(project, request)?;
            let mut base = Vec::with_capacity(requests.base.len());
            for request in requests.base {
                self.observe_joins(&request)?;
                let (key, question) = (base_key(table, &request), base_question(project, &request));
                let decision = self.worklist.of_base(&key, &question, &request);
                let asked = self.considered(key, question, decision)?;
                self.announce(&asked, &request);
                base.push((asked, request));
            }
            all.push((table, base, requests.conversions));
        }
        for (table, base, conversions) in all {
            for (asked, request) in base {
                let key = asked.key.clone();
                let part = |touching: &Touching, kept: Option<&Stored>| self.part(&key, &request, touching, kept);
                self.answer(asked, &grains_of(&request), &|| self.base_cells(None, &request), &part)?;
            }
            conversions.iter().try_for_each(|conversion| self.ask_conversion(table, conversion))?;
            answered(table);
        }
        Ok(())
    }

    fn ask_conversion(&self, table: &str, request: &ConversionRequest<'_>) -> Result<(), MetricsError> {
        let (key, question) = (conversion_key(table, request), conversion_question(&self.workspace.project, request));
        let decision = self.worklist.of_conversion(&key, &question, request);
        // A conversion may come long after its base row: there is no part of it.
        let whole = || self.whole()?.conversion_cells(request);
        let of_part = question.clone();
        let part = |_: &Touching, _: Option<&Stored>| Stored::new(of_part.clone(), &whole()?).map_err(|error| refused(request.base.model, &error));
        self.answer(self.considered(key, question, decision)?, &grains_of(&request.base), &whole, &part)
    }

    fn answer(&self, asked: Considered, grains: &[Option<Grain>], whole: &dyn Fn() -> Result<Vec<RecordBatch>, MetricsError>, part: &Part<'_>) -> Result<(), MetricsError> {
        let Considered { key, question, decision, kept, is_same, before, does } = asked;
        let (stored, covered) = match (does, &kept) {
            (Does::Keep, Some(kept)) => (kept.clone(), before.clone()),
            (Does::Days(touching), kept) => (part(&touching, kept.as_ref())?, touching.known),
            (_, _) => (Stored::new(question, &whole()?).map_err(|error| refused(&key, &error))?, vec![Days::ALL]),
        };
        let uncovered: Vec<Days> = covered.iter().flat_map(|days| gaps(&before, *days)).collect();
        let changes = match kept.filter(|_| is_same) {
            None => Changed::Everywhere { day: decision.first_day().unwrap_or(i32::MAX) },
            Some(kept) => self.changes(&stored, &kept, grains, &uncovered).map_err(|error| refused(&key, &error))?,
        };
        self.answers.borrow_mut().insert(key, Answered { stored, changes, covered });
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
        self.whole()?.forget_joined();
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
    fn of_days(&self, request: &BaseRequest<'_>, days: Days) -> Result<Rc<PolarsEngine<'a>>, MetricsError> {
        let rows = self.rows.borrow();
        let Some((held, shelf)) = rows.get(request.model).zip(self.shelf.as_ref()) else { return self.limited(request.model, &self.worklist.own_sources(request), days) };
        let project = &self.workspace.project;
        let others = project.models.keys().filter(|name| *name != request.model).cloned().collect();
        let engine = PolarsEngine::new(project, IndexMap::new(), self.workspace.as_of).with_models_of(&self.whole()?, others);
        engine.put_lots(request.model, self.keeper(shelf).in_lots(request.model, held, Some(&[days]))?)?;
        Ok(Rc::new(engine))
    }

    /// An engine over the files that rows of a model between two days can come from; of sources that are not its own, over all.
    pub(crate) fn limited(&self, model: &str, own: &BTreeSet<&String>, days: Days) -> Result<Rc<PolarsEngine<'a>>, MetricsError> {
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
        if let Some(engine) = self.engines.borrow().get(&signature) {
            return Ok(Rc::clone(engine));
        }
        let engine = Rc::new(self.over_parts(parts, &|source| limited.contains(source))?);
        self.engines.borrow_mut().insert(signature, Rc::clone(&engine));
        Ok(engine)
    }

    /// The rows of a source that have some keys in a column: those that were read for another model serve, where all of the keys are theirs.
    pub(crate) fn with_keys(&self, source: &str, relation: &Relation, column: &str, keys: &Keys) -> Result<Relation, MetricsError> {
        let place = (source.to_owned(), column.to_owned());
        if let Some((_, rows)) = self.chosen.borrow().get(&place).filter(|(known, _)| known.has_all(keys)) {
            return Ok(rows.clone());
        }
        let rows = Chosen::Keys(column.to_owned(), keys.clone(), Vec::new()).of(relation).rows(source)?.relation();
        self.chosen.borrow_mut().insert(place, (keys.clone(), rows.clone()));
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
    pub(crate) fn whole(&self) -> Result<Rc<PolarsEngine<'a>>, MetricsError> {
        let all = "*".to_owned();
        if let Some(engine) = self.engines.borrow().get(&all) {
            return Ok(Rc::clone(engine));
        }
        let clean = self.workspace.without_bad_rows(self.worklist.sources().clone()).map_err(inner)?;
        let engine = Rc::new(self.workspace.engine(&clean));
        self.engines.borrow_mut().insert(all, Rc::clone(&engine));
        Ok(engine)
    }
}

/// A source with some of its files.
pub(crate) fn part_of(name: &str, source: &SourceFrame, keep: &dyn Fn(&LakeFile) -> bool) -> Result<SourceFrame, MetricsError> {
    source.part(keep).map_err(|error| MetricsError::Bridge { column: name.to_owned(), reason: error.to_string() })
}

pub(crate) fn inner(error: JobError) -> MetricsError {
    match error {
        JobError::Metrics(error) => error,
        other => MetricsError::Bridge { column: "*".to_owned(), reason: other.to_string() },
    }
}
