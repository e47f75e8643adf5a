//! What a run has to do: for every request to an engine whether its kept cells serve, which days of them do not, or all of them.
//!
//! In: the ledger, what changed since, what was asked for. Out: one [`Decision`] a request. `plan` prints them and `run` follows them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use quotient_ingest::{LakeFile, SourceFrame};
use quotient_metrics::{BaseRequest, CellRequest, ConversionRequest, MetricsError, requests_of};
use quotient_model::{JobTable, MetricKind, Offset, Project, inputs_of};

use crate::days::{Days, common, gaps, joined};
use crate::ledger::{Backfill, Kept, Ledger};
use crate::question::{base_key, base_question, conversion_key, conversion_question, first_joins, joined_models};
use crate::side_by_side::locked;
use crate::stored_cells::Question;
use crate::stretches::Touching;
use crate::touched::{Changes, Events, Reason, RowsTouched, Touched, events};

/// What is done about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// Nothing: the kept cells are the answer.
    Keep,
    /// The cells of periods that touch these days are computed.
    Days(Vec<Days>),
    /// All cells are computed.
    Whole,
}

/// What is done about one request, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) work: Work,
    /// Touched days with their reasons; none where nothing is done.
    pub(crate) reasons: Touched,
}

/// What a run computes beside what is stale.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// No more than these days of what was never computed; all of it where not said.
    pub(crate) limit: Option<Days>,
    /// These days in any case.
    pub(crate) days: Option<Days>,
    /// For these tables; for all where none is named.
    pub(crate) tables: BTreeSet<String>,
    /// What the ledger says of the backfill that the run is part of, where it goes on after it.
    pub(crate) backfill: Option<Backfill>,
}

impl Asked {
    /// The days that must be there of a table; `None` of one that nobody asked for.
    fn wanted(&self, table: &str) -> Option<Days> {
        (self.tables.is_empty() || self.tables.contains(table)).then(|| self.limit.unwrap_or(Days::ALL))
    }

    /// Whether a run would be one that nobody asked anything of.
    pub(crate) fn is_nothing(&self) -> bool {
        self.limit.is_none() && self.days.is_none()
    }
}

/// Whether a metric looks at other periods than its own.
fn looks_back(project: &Project, metric: &str) -> bool {
    let Some(metric) = project.metrics.get(metric) else { return false };
    let inputs = inputs_of(metric);
    matches!(metric.kind, MetricKind::Cumulative { .. }) || inputs.iter().any(|input| input.offset != Offset::None || looks_back(project, &input.metric))
}

impl Decision {
    fn whole(reason: Reason) -> Self {
        Self { work: Work::Whole, reasons: vec![(Days::ALL, reason)] }
    }

    fn days(days: Days, reason: Reason) -> Self {
        Self { work: Work::Days(vec![days]), reasons: vec![(days, reason)] }
    }

    /// The first day from which cells may differ; `None` where none does.
    pub(crate) fn first_day(&self) -> Option<i32> {
        match &self.work {
            Work::Keep => None,
            Work::Whole => Some(i32::MIN),
            Work::Days(days) => days.iter().map(|days| days.from).min(),
        }
    }
}

/// A join: a model, the one that it is joined with, and the expressions of their keys.
pub(crate) type Joined = (String, String, (String, String));

/// Everything that decides what is done.
pub(crate) struct Worklist<'a> {
    pub(crate) project: &'a Project,
    pub(crate) ledger: &'a Ledger,
    sources: &'a IndexMap<String, SourceFrame>,
    changes: Changes<'a>,
    /// What somebody asked for.
    asked: Asked,
    /// Tables with metrics that look at other periods: their cells need all days before.
    looking_back: BTreeSet<String>,
    /// Requests whose kept cells cannot be read.
    lost: BTreeSet<String>,
    /// The day after the last that has begun.
    tomorrow: i32,
    /// Touched days by model.
    touched: Mutex<BTreeMap<String, Touched>>,
    /// Touched days of a model by the rows of another that it is joined with.
    joined: Mutex<BTreeMap<Joined, Touched>>,
}

impl<'a> Worklist<'a> {
    /// The work since the last run.
    pub(crate) fn new(project: &'a Project, ledger: &'a Ledger, sources: &'a IndexMap<String, SourceFrame>, as_of: DateTime<Utc>) -> Self {
        let changes = Changes::new(project, ledger, sources, as_of);
        let tomorrow = project.calendar.last_day_before(as_of).to_epoch_days() + 1;
        Self {
            project,
            ledger,
            sources,
            changes,
            asked: Asked::default(),
            looking_back: BTreeSet::new(),
            lost: BTreeSet::new(),
            tomorrow,
            touched: Mutex::default(),
            joined: Mutex::default(),
        }
    }

    /// The same with what somebody asked for, of a job's tables.
    pub(crate) fn asking(mut self, asked: &Asked, tables: &[JobTable]) -> Self {
        self.asked = asked.clone();
        let looks_back = |table: &&JobTable| table.metrics.iter().any(|metric| looks_back(self.project, metric));
        self.looking_back = tables.iter().filter(looks_back).map(|table| table.name.clone()).collect();
        self
    }

    /// The same without kept cells that cannot be read.
    pub(crate) fn without(mut self, lost: BTreeSet<String>) -> Self {
        self.lost = lost;
        self
    }

    /// What is done about base cells.
    pub(crate) fn of_base(&self, key: &str, question: &Question, request: &BaseRequest<'_>) -> Decision {
        let by_default_time = self.project.models.get(request.model).and_then(|model| model.semantics.as_ref());
        let by_default_time = by_default_time.and_then(|semantics| semantics.agg_time_dimension.as_deref()) == Some(request.time);
        let mut touched = self.of_model(request.model);
        // A model says how far events reach in its own time, and in no other.
        let in_parts = by_default_time && request.window.is_none() && !request.reads_metrics() && request.from.is_none() && request.to.is_none();
        if !in_parts {
            for (days, _) in &mut touched {
                *days = Days::ALL;
            }
        }
        // Days of another time, and windows that end with the last day, follow as-of whatever the model says.
        if self.changes.as_of_moved() && (!by_default_time || request.window.is_some()) {
            touched.push((Days::ALL, Reason::AsOfMoved));
        }
        for (model, keys) in first_joins(self.project, request) {
            let found = keys.and_then(|keys| locked(&self.joined).get(&(request.model.to_owned(), model.clone(), keys)).cloned());
            touched.extend(found.unwrap_or_else(|| self.of_model(&model).into_iter().map(|(_, reason)| (Days::ALL, reason)).collect()));
        }
        self.decide(key, question, touched, in_parts)
    }

    /// What is done about conversions: all or nothing.
    pub(crate) fn of_conversion(&self, key: &str, question: &Question, request: &ConversionRequest<'_>) -> Decision {
        let mut models = joined_models(self.project, &request.base);
        models.extend(joined_models(self.project, &request.conversion));
        models.extend([request.base.model.to_owned(), request.conversion.model.to_owned()]);
        let touched = models.iter().flat_map(|model| self.of_model(model)).map(|(_, reason)| (Days::ALL, reason)).collect();
        self.decide(key, question, touched, false)
    }

    fn decide(&self, key: &str, question: &Question, touched: Touched, in_parts: bool) -> Decision {
        let table = key.split('.').next().unwrap_or_default();
        let wanted = self.asked.wanted(table);
        let kept = self.kept(key, question);
        // Where all other periods are kept, it does not matter that metrics look at them.
        let has_all = kept.is_ok_and(|kept| kept.covered == [Days::ALL]);
        let in_parts = in_parts && (has_all || !self.looking_back.contains(table));
        let kept = match kept {
            Ok(kept) => kept,
            // A limited run computes what it is limited to, of a table that has nothing yet: what is published stays.
            Err(reason) => {
                let limited = wanted.filter(|wanted| in_parts && *wanted != Days::ALL && !self.ledger.has_cells(table));
                return limited.map_or_else(|| Decision::whole(reason), |days| Decision::days(days, reason));
            }
        };
        let mut allowed: Vec<Days> = kept.covered.clone();
        allowed.extend(wanted);
        let allowed = joined(allowed);
        let missing = wanted.map(|wanted| gaps(&kept.covered, wanted)).unwrap_or_default();
        let asked = self.asked.days.filter(|_| wanted.is_some()).map(|days| (days, Reason::AskedFor));
        let all: Touched = touched.into_iter().chain(missing.into_iter().map(|days| (days, Reason::NeverComputed))).chain(asked).collect();
        // What was never computed cannot be stale.
        let mut reasons: Touched = all.into_iter().flat_map(|(days, reason)| common(&[days], &allowed).into_iter().map(move |days| (days, reason))).collect();
        reasons.sort();
        reasons.dedup();
        let work = if reasons.is_empty() {
            Work::Keep
        } else if !in_parts || reasons.iter().any(|(days, _)| days.from == i32::MIN) {
            Work::Whole
        } else {
            Work::Days(joined(reasons.iter().map(|(days, _)| *days)))
        };
        Decision { work, reasons }
    }

    /// The kept cells that answer a question, or why there are none.
    fn kept(&self, key: &str, question: &Question) -> Result<&'a Kept, Reason> {
        let kept = self.ledger.cells.get(key).filter(|_| !self.lost.contains(key)).ok_or(Reason::NeverComputed)?;
        if kept.question.covers(question) {
            return Ok(kept);
        }
        let names = |question: &Question| -> (BTreeSet<String>, BTreeSet<(String, Vec<String>)>) {
            (question.measures.iter().map(|(name, _)| name.clone()).collect(), question.groupings.iter().map(|(grain, slice, _)| (grain.clone(), slice.clone())).collect())
        };
        let ((old_measures, old_groupings), (measures, groupings)) = (names(&kept.question), names(question));
        let is_new = !measures.is_subset(&old_measures) || !groupings.is_subset(&old_groupings);
        Err(if is_new { Reason::NeverComputed } else { Reason::ChangedDefinition })
    }

    /// What is computed for touched days, after which some are known.
    pub(crate) fn touching(&self, days: &[Days], known: Vec<Days>) -> Touching {
        Touching { days: days.to_vec(), known, tomorrow: self.tomorrow }
    }

    /// The days that kept cells of a request cover.
    pub(crate) fn covered(&self, key: &str, question: &Question) -> Vec<Days> {
        self.kept(key, question).map(|kept| kept.covered.clone()).unwrap_or_default()
    }

    fn of_model(&self, model: &str) -> Touched {
        let known = locked(&self.touched).get(model).cloned();
        known.unwrap_or_else(|| {
            let found = self.changes.of_model(model);
            locked(&self.touched).insert(model.to_owned(), found.clone());
            found
        })
    }

    /// What may differ in the rows of a model that keeps them; `None` where all may.
    pub(crate) fn rows_touched(&self, model: &str) -> Option<RowsTouched> {
        self.changes.of_rows(model)
    }

    /// Takes the days on which rows of a model were found to differ for those that it declares.
    pub(crate) fn observe(&self, model: &str, differing: &[Days]) {
        let reason = self.reason_of(model);
        let mut found: Touched = differing.iter().map(|days| (*days, reason)).collect();
        // Rows that were there before may count from now on.
        found.extend(self.changes.days_of_as_of().map(|(from, to)| (Days { from, to: to.saturating_add(1) }, Reason::AsOfMoved)));
        locked(&self.touched).insert(model.to_owned(), found);
    }

    /// Takes the days of rows that are joined with rows that were found to differ for all days.
    pub(crate) fn observe_join(&self, joined: Joined, days: &[Days]) {
        let reason = self.reason_of(&joined.1);
        locked(&self.joined).insert(joined, days.iter().map(|days| (*days, reason)).collect());
    }

    /// Whether the days of a join were found.
    pub(crate) fn has_observed(&self, joined: &Joined) -> bool {
        locked(&self.joined).contains_key(joined)
    }

    /// The first reason why rows of a model may differ.
    fn reason_of(&self, model: &str) -> Reason {
        self.of_model(model).iter().map(|(_, reason)| *reason).min().unwrap_or(Reason::AsOfMoved)
    }

    /// The days from as-of of the last run to that of this one, where now is later.
    pub(crate) fn days_of_as_of(&self) -> Option<(i32, i32)> {
        self.changes.days_of_as_of()
    }

    /// The files that came to a source; `None` where one that the last run knew is changed or gone.
    pub(crate) fn new_files(&self, source: &str) -> Option<BTreeSet<&'a str>> {
        self.changes.new_files(source)
    }

    /// The time columns that a source declares.
    pub(crate) fn times_of(&self, source: &str) -> Vec<String> {
        self.changes.times_of(source).cloned().collect()
    }

    /// Whether a run computes no more than some days of what was never computed.
    pub(crate) fn is_limited(&self) -> bool {
        self.asked.limit.is_some()
    }

    /// Whether rows of a model between two days can come from a file of a source.
    pub(crate) fn reads(&self, model: &str, source: &str, file: &LakeFile, days: Days) -> bool {
        let reach = self.project.models.get(model).and_then(|model| model.incremental.as_ref()).and_then(|incremental| incremental.sources.get(source));
        let Some(reach) = reach.filter(|reach| reach.column.is_some()) else { return true };
        // A day more on either side: statistics are instants, and days are local.
        let wide = |count: u32| i32::try_from(count).unwrap_or(i32::MAX).saturating_add(1);
        let from = reach.lookahead.map_or(i32::MIN, |ahead| days.from.saturating_sub(wide(ahead)));
        let to = reach.lookback.map_or(i32::MAX, |back| days.to.saturating_add(wide(back)));
        match events(&self.project.calendar, file, reach.columns()) {
            Events::None => false,
            Events::Unknown => true,
            Events::Between(first, _) if reach.everywhere_until.is_some_and(|day| first <= day.to_epoch_days()) => true,
            Events::Between(first, last) => Days { from, to }.meets(first, last.saturating_add(1)),
        }
    }

    /// The sources that only the model of a request reads: their files can be chosen by its events.
    pub(crate) fn own_sources(&self, request: &BaseRequest<'_>) -> BTreeSet<&'a String> {
        let joined: BTreeSet<&String> = joined_models(self.project, request).iter().flat_map(|model| self.project.sources_behind(model)).collect();
        self.project.sources_behind(request.model).difference(&joined).copied().collect()
    }

    /// The opened sources.
    pub(crate) fn sources(&self) -> &'a IndexMap<String, SourceFrame> {
        self.sources
    }
}

/// What is done for one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableWork {
    /// The model of each request, and what is done about it.
    pub(crate) decisions: Vec<(String, Decision)>,
    /// Addresses and sizes of the files that are read.
    pub(crate) files: BTreeMap<String, u64>,
}

impl TableWork {
    /// The first day from which cells may differ; the last day of all where none does.
    pub(crate) fn first_day(&self) -> i32 {
        self.decisions.iter().filter_map(|(_, decision)| decision.first_day()).min().unwrap_or(i32::MAX)
    }

    /// Why, each reason once.
    pub(crate) fn reasons(&self, counts: &dyn Fn(&str) -> bool) -> BTreeSet<Reason> {
        self.decisions.iter().filter(|(model, _)| counts(model)).flat_map(|(_, decision)| decision.reasons.iter().map(|(_, reason)| *reason)).collect()
    }
}

impl Worklist<'_> {
    /// What is done for a table, by the requests that its cells put to an engine.
    ///
    /// # Errors
    /// Definitions without meaning at what the table asks.
    pub(crate) fn of_table(&self, table: &str, request: &CellRequest) -> Result<TableWork, MetricsError> {
        let requests = requests_of(self.project, request)?;
        let mut work = TableWork { decisions: Vec::new(), files: BTreeMap::new() };
        for base in &requests.base {
            let question = base_question(self.project, base);
            let key = base_key(table, base);
            let decision = self.of_base(&key, &question, base);
            self.add_files(base, &decision, &self.covered(&key, &question), &mut work.files);
            work.decisions.push((base.model.to_owned(), decision));
        }
        for conversion in &requests.conversions {
            let question = conversion_question(self.project, conversion);
            let decision = self.of_conversion(&conversion_key(table, conversion), &question, conversion);
            self.add_files(&conversion.base, &decision, &[], &mut work.files);
            self.add_files(&conversion.conversion, &decision, &[], &mut work.files);
            work.decisions.push((conversion.base.model.to_owned(), decision));
        }
        Ok(work)
    }

    /// The files that a decision about a request has read.
    fn add_files(&self, request: &BaseRequest<'_>, decision: &Decision, covered: &[Days], files: &mut BTreeMap<String, u64>) {
        let days = match &decision.work {
            Work::Keep => return,
            Work::Whole => vec![Days::ALL],
            Work::Days(days) => self.touching(days, joined(covered.iter().chain(days).copied())).stretches(&self.project.calendar, request),
        };
        let own = self.own_sources(request);
        let joined = joined_models(self.project, request);
        let models = joined.iter().map(String::as_str).chain([request.model]);
        let read: BTreeSet<&String> = models.flat_map(|model| self.project.sources_behind(model)).collect();
        for (name, source) in self.sources.iter().filter(|(name, _)| read.contains(name)) {
            let is_read = |file: &LakeFile| !own.contains(name) || decision.work == Work::Whole || days.iter().any(|days| self.reads(request.model, name, file, *days));
            files.extend(source.files.iter().filter(|file| is_read(file)).map(|file| (file.address.clone(), file.size)));
        }
    }
}
