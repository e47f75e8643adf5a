//! An engine that computes what changed, and takes the rest from the cells that were kept.
//!
//! In: requests of one table. Out: the same cells as the engine inside gives for the whole lake. Cells of touched periods come from the
//! engine, over those files of the lake alone in which events of these periods can be; all others are those of the last run.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use chrono::NaiveDate;
use indexmap::IndexMap;
use quotient_metrics::{BaseRequest, ConversionRequest, Engine, MetricsError, PolarsEngine};
use quotient_model::{Grain, Period};

use crate::days::{Days, common, joined};
use crate::error::JobError;
use crate::question::{base_key, base_question, conversion_key, conversion_question};
use crate::stored_cells::{Question, Stored};
use crate::work::{Decision, Work, Worklist};
use crate::workspace::Workspace;

/// Stands for every year among those that differ.
pub(crate) const EVERY_YEAR: i32 = i32::MIN;

/// The answers of a run, by request.
pub(crate) type Answers = BTreeMap<String, Answered>;

/// The answer to one request, and which of its years differ from what was kept.
pub(crate) struct Answered {
    pub(crate) stored: Stored,
    pub(crate) years: BTreeSet<i32>,
    /// The days that the answer covers.
    pub(crate) covered: Vec<Days>,
}

/// A request, and how its cells are computed: all of them, or those of some days beside what was kept.
struct AnsweredBy<'r> {
    key: String,
    question: Question,
    decision: &'r Decision,
    whole: &'r dyn Fn() -> Result<Vec<RecordBatch>, MetricsError>,
    #[expect(clippy::type_complexity, reason = "days and what was kept, to cells and the years that differ")]
    part: &'r dyn Fn(&[Days], Option<Stored>) -> Result<(Stored, BTreeSet<i32>), MetricsError>,
}

/// The engine of one run.
pub(crate) struct IncrementalEngine<'a> {
    workspace: &'a Workspace,
    worklist: &'a Worklist<'a>,
    /// The table whose requests are asked.
    table: RefCell<String>,
    /// Kept cells of the last run, by request.
    kept: RefCell<BTreeMap<String, Stored>>,
    /// Engines over some of the files, by these files.
    engines: RefCell<BTreeMap<String, Rc<PolarsEngine<'a>>>>,
    answers: RefCell<Answers>,
}

impl<'a> IncrementalEngine<'a> {
    /// An engine over opened sources, with the cells that were kept.
    pub(crate) fn new(workspace: &'a Workspace, worklist: &'a Worklist<'a>, kept: BTreeMap<String, Stored>) -> Self {
        Self { workspace, worklist, table: RefCell::default(), kept: RefCell::new(kept), engines: RefCell::default(), answers: RefCell::default() }
    }

    /// From now on, requests are those of this table.
    pub(crate) fn begin(&self, table: &str) {
        table.clone_into(&mut self.table.borrow_mut());
    }

    /// Everything that was answered.
    pub(crate) fn into_answers(self) -> Answers {
        self.answers.into_inner()
    }

    fn answer(&self, asked: AnsweredBy<'_>) -> Result<Vec<RecordBatch>, MetricsError> {
        let AnsweredBy { key, question, decision, whole, part } = asked;
        let kept = self.kept.borrow_mut().remove(&key).filter(|stored| stored.question.covers(&question));
        let before = self.worklist.covered(&key, &question);
        // Only what is asked of a wider answer is computed anew.
        let narrowed = |stored: &Stored| -> Result<Stored, MetricsError> {
            if stored.question == question {
                return Ok(stored.clone());
            }
            let batches = stored.answer(&question).map_err(|error| refused(&key, &error))?;
            Ok(Stored { question: question.clone(), batches })
        };
        let answered = match (&decision.work, kept) {
            (Work::Keep, Some(stored)) if stored.question == question => Answered { stored, years: BTreeSet::new(), covered: before },
            // What is not asked any more is not kept: nobody would see that it is stale.
            (Work::Keep, Some(stored)) => Answered { stored: narrowed(&stored)?, years: BTreeSet::from([EVERY_YEAR]), covered: before },
            (Work::Days(days), kept) => {
                let is_whole = kept.as_ref().is_some_and(|stored| stored.question == question);
                let kept = kept.as_ref().map(narrowed).transpose()?;
                let covered = joined(before.into_iter().filter(|_| kept.is_some()).chain(days.iter().copied()));
                let (stored, years) = part(days, kept)?;
                Answered { stored, years: if is_whole { years } else { BTreeSet::from([EVERY_YEAR]) }, covered }
            }
            // Without what was kept, everything is computed.
            (_, _) => Answered { stored: Stored { question: question.clone(), batches: whole()? }, years: BTreeSet::from([EVERY_YEAR]), covered: vec![Days::ALL] },
        };
        let batches = answered.stored.answer(&question).map_err(|error| refused(&key, &error))?;
        self.answers.borrow_mut().insert(key, answered);
        Ok(batches)
    }

    /// The days of which a table has the cells of all its requests.
    pub(crate) fn covered(&self, table: &str) -> Vec<Days> {
        let prefix = format!("{table}.");
        let answers = self.answers.borrow();
        answers.iter().filter(|(key, _)| key.starts_with(&prefix)).fold(vec![Days::ALL], |covered, (_, answer)| common(&covered, &answer.covered))
    }

    /// Touched cells computed anew, over the files in which their events can be.
    fn part(&self, request: &BaseRequest<'_>, days: &[Days], kept: Option<Stored>) -> Result<(Stored, BTreeSet<i32>), MetricsError> {
        let grains: Vec<Option<Grain>> = request.groupings.iter().map(|grouping| grouping.grain).collect();
        let calendar = &self.workspace.project.calendar;
        let touches = |at: usize, day: i32| {
            let period = grains.get(at).copied().flatten().zip(NaiveDate::from_epoch_days(day)).map(|(grain, day)| calendar.period(grain, day));
            period.is_none_or(|Period { start, end, .. }| days.iter().any(|days| days.meets(start.to_epoch_days(), end.to_epoch_days())))
        };
        let mut fresh: Vec<Vec<RecordBatch>> = vec![Vec::new(); grains.len()];
        for stretch in self.stretches(days, &grains) {
            let limited = BaseRequest { from: NaiveDate::from_epoch_days(stretch.from), to: NaiveDate::from_epoch_days(stretch.to), ..request.clone() };
            let batches = self.limited(request, stretch)?.base_cells(&limited)?;
            fresh.iter_mut().zip(batches).for_each(|(all, batch)| all.push(batch));
        }
        let joined = |batches: &Vec<RecordBatch>| {
            let schema = batches.first().map_or_else(|| std::sync::Arc::new(arrow::datatypes::Schema::empty()), RecordBatch::schema);
            arrow::compute::concat_batches(&schema, batches)
        };
        let fresh: Vec<RecordBatch> = fresh.iter().map(joined).collect::<Result<_, _>>().map_err(|error| refused(request.model, &error))?;
        // Where nothing was kept, what is there is the fresh cells of no period.
        let stored = kept.unwrap_or_else(|| Stored { question: base_question(&self.workspace.project, request), batches: fresh.iter().map(|batch| batch.slice(0, 0)).collect() });
        stored.merged(&fresh, &touches).map_err(|error| refused(request.model, &error))
    }

    /// Whole periods of every grain around touched days, put together where they meet.
    fn stretches(&self, days: &[Days], grains: &[Option<Grain>]) -> Vec<Days> {
        let calendar = &self.workspace.project.calendar;
        let stretches: Vec<Days> = days
            .iter()
            .map(|days| {
                let mut stretch = *days;
                for grain in grains.iter().flatten() {
                    if let Some(first) = NaiveDate::from_epoch_days(days.from) {
                        stretch.from = stretch.from.min(calendar.start_of(*grain, first).to_epoch_days());
                    }
                    let last = days.to.checked_sub(1).filter(|_| days.to != i32::MAX).and_then(NaiveDate::from_epoch_days);
                    if let Some(last) = last {
                        stretch.to = stretch.to.max(calendar.period(*grain, last).end.to_epoch_days());
                    }
                }
                stretch
            })
            .collect();
        joined(stretches)
    }

    /// An engine over the files that rows of a model between two days can come from.
    fn limited(&self, request: &BaseRequest<'_>, days: Days) -> Result<Rc<PolarsEngine<'a>>, MetricsError> {
        let own = self.worklist.own_sources(request);
        let mut parts = IndexMap::new();
        let mut signature = String::new();
        for (name, source) in self.worklist.sources() {
            let part = if own.contains(name) {
                source.part(&|file| self.worklist.reads(request, name, file, days)).map_err(|error| MetricsError::Bridge { column: name.clone(), reason: error.to_string() })?
            } else {
                source.clone()
            };
            signature.push_str(name);
            part.files.iter().for_each(|file| signature.push_str(&file.address));
            parts.insert(name.clone(), part);
        }
        if let Some(engine) = self.engines.borrow().get(&signature) {
            return Ok(Rc::clone(engine));
        }
        let clean = self.workspace.without_bad_rows(parts).map_err(inner)?;
        let engine = Rc::new(self.workspace.engine(&clean));
        self.engines.borrow_mut().insert(signature, Rc::clone(&engine));
        Ok(engine)
    }

    /// The engine over all files.
    fn whole(&self) -> Result<Rc<PolarsEngine<'a>>, MetricsError> {
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

impl Engine for IncrementalEngine<'_> {
    fn base_cells(&self, request: &BaseRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError> {
        let (key, question) = (base_key(&self.table.borrow(), request), base_question(&self.workspace.project, request));
        let decision = self.worklist.of_base(&key, &question, request);
        let (whole, part) = (|| self.whole()?.base_cells(request), |days: &[Days], kept| self.part(request, days, kept));
        self.answer(AnsweredBy { key, question, decision: &decision, whole: &whole, part: &part })
    }

    fn conversion_cells(&self, request: &ConversionRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError> {
        let (key, question) = (conversion_key(&self.table.borrow(), request), conversion_question(&self.workspace.project, request));
        let decision = self.worklist.of_conversion(&key, &question, request);
        // A conversion may come long after its base row: there is no part of it.
        let whole = || self.whole()?.conversion_cells(request);
        let of_part = question.clone();
        let part = |_: &[Days], _| Ok((Stored { question: of_part.clone(), batches: whole()? }, BTreeSet::from([EVERY_YEAR])));
        self.answer(AnsweredBy { key, question, decision: &decision, whole: &whole, part: &part })
    }
}

fn refused(key: &str, error: &ArrowError) -> MetricsError {
    MetricsError::Bridge { column: key.to_owned(), reason: error.to_string() }
}

fn inner(error: JobError) -> MetricsError {
    match error {
        JobError::Metrics(error) => error,
        other => MetricsError::Bridge { column: "*".to_owned(), reason: other.to_string() },
    }
}
