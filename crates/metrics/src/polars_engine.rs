//! The engine in the process: models as Polars frames, then the cube.
//!
//! In: a project and the frames of its sources. Out: base cells. Models are lowered once and kept; one that several others read is
//! computed once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use arrow::array::{AsArray, Date32Array, RecordBatch};
use arrow::compute::{concat_batches, max, min};
use arrow::datatypes::Date32Type;
use chrono::{DateTime, NaiveDate, Utc};
use indexmap::IndexMap;
use polars::prelude::{BooleanChunked, DataFrame, Engine as PolarsTarget, IntoLazy, LazyFrame, OptFlags};
use quotient_model::{Agg, Grain, Model, Project};
use rayon::prelude::*;

use crate::bridge;
use crate::conversion;
use crate::cube::{Cube, CubeError, CubeMeasure, CubeRequest, Grouping, PeriodStarts};
use crate::engine::{BaseRequest, ConversionRequest, Engine, joined_rows};
use crate::error::MetricsError;
use crate::fact::{self, FactLots, MeasureColumns, TIME, collect};
use crate::join::Other;
use crate::labels::{self, LabelTexts};
use crate::periods::period_starts;
use crate::snapshot;
use crate::sql::{Relation, SqlError, SqlModel, lower_model};
use crate::windows;

/// What is done with a query, for messages.
const RUN: &str = "run its query";

/// The default engine.
pub struct PolarsEngine<'a> {
    project: &'a Project,
    as_of: DateTime<Utc>,
    /// Sources by `schema.table`, and every model that has been lowered, by name.
    relations: Mutex<IndexMap<String, Relation>>,
    /// Models whose frame is rows in memory already.
    computed: Mutex<Vec<String>>,
    /// One lock for each model, held while it is lowered or computed.
    making: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
    /// Of models of many rows these in lots.
    lots: Mutex<BTreeMap<String, Vec<Relation>>>,
    /// Rows that joins brought of models that this engine computes for others, by what they are.
    joined: Mutex<BTreeMap<String, Arc<Other>>>,
    /// An engine that computes some models for this one too: they stand on nothing that is different here.
    beside: Option<(Arc<PolarsEngine<'a>>, BTreeSet<String>)>,
}

impl<'a> PolarsEngine<'a> {
    /// An engine over a project's sources, opened under their `schema.table` names.
    #[must_use]
    pub fn new(project: &'a Project, sources: IndexMap<String, Relation>, as_of: DateTime<Utc>) -> Self {
        Self {
            project,
            as_of,
            relations: Mutex::new(sources),
            computed: Mutex::default(),
            making: Mutex::default(),
            lots: Mutex::default(),
            joined: Mutex::default(),
            beside: None,
        }
    }

    /// The same with models of another engine, which are computed there and once.
    #[must_use]
    pub fn with_models_of(self, other: &Arc<Self>, models: BTreeSet<String>) -> Self {
        Self { beside: Some((Arc::clone(other), models)), ..self }
    }

    /// The engine that computes a model for this one.
    fn other(&self, model: &str) -> Option<&Self> {
        self.beside.as_ref().filter(|(_, models)| models.contains(model)).map(|(other, _)| other.as_ref())
    }

    /// The rows of a model that a join brings: of one that another engine computes they are made once, until [`PolarsEngine::forget_joined`].
    pub(crate) fn joined(&self, model: &str, what: &str, rows: &dyn Fn() -> Result<Other, MetricsError>) -> Result<Arc<Other>, MetricsError> {
        let Some(other) = self.other(model) else { return rows().map(Arc::new) };
        if let Some(known) = locked(&other.joined).get(what) {
            return Ok(Arc::clone(known));
        }
        let rows = Arc::new(rows()?);
        locked(&other.joined).insert(what.to_owned(), Arc::clone(&rows));
        Ok(rows)
    }

    /// Lets go of rows that joins of other engines brought from here, but for so many in all, the longest first.
    pub fn forget_joined(&self, most: u64) {
        let mut joined = locked(&self.joined);
        let mut longest: Vec<(u64, String)> = joined.iter().map(|(what, rows)| (rows.rows, what.clone())).collect();
        longest.sort();
        let mut room = most;
        for (rows, what) in longest.into_iter().rev() {
            match room.checked_sub(rows) {
                Some(left) => room = left,
                None => drop(joined.remove(&what)),
            }
        }
    }

    /// Lowers a model and everything that it reads; nothing is computed unless several models read it.
    ///
    /// # Errors
    /// SQL that does not bind or is not supported, with file and construct.
    pub fn relation(&self, name: &str) -> Result<Relation, MetricsError> {
        let known = || locked(&self.relations).get(name).cloned();
        if let Some(known) = known() {
            return Ok(known);
        }
        // Who comes while it is lowered, or computed, waits: its rows are known to all or to none.
        let lock = self.lock_of(name);
        let _making = locked(&lock);
        if let Some(known) = known() {
            return Ok(known);
        }
        let readers = self.project.models.values().filter(|other| other.refs.iter().any(|read| read == name)).count();
        // A model over models that several read would be computed again by each of them.
        let is_shared = readers > 1 && self.project.models.get(name).is_some_and(|model| !model.refs.is_empty());
        let relation = match self.other(name) {
            Some(other) if is_shared => other.computed(name)?,
            Some(other) => other.relation(name)?,
            None if is_shared => in_memory(self.lowered(name)?, name)?,
            None => self.lowered(name)?,
        };
        if is_shared {
            self.put(name, relation.clone());
        } else {
            locked(&self.relations).insert(name.to_owned(), relation.clone());
        }
        Ok(relation)
    }

    /// Held by who makes a model.
    fn lock_of(&self, name: &str) -> Arc<Mutex<()>> {
        Arc::clone(locked(&self.making).entry(name.to_owned()).or_default())
    }

    /// A model lowered over what it reads, and not computed.
    ///
    /// # Errors
    /// As [`PolarsEngine::relation`].
    pub fn lowered(&self, name: &str) -> Result<Relation, MetricsError> {
        let model = self.project.models.get(name).ok_or_else(|| MetricsError::Unknown { what: "model", name: name.to_owned(), near: None })?;
        self.query_of_model(model, lower_model)
    }

    /// What is found of a query over sources and models that are known here.
    pub(crate) fn query_of<T>(&self, query: &SqlModel<'_>, find: impl Fn(&SqlModel<'_>, &IndexMap<String, Relation>) -> Result<T, SqlError>) -> Result<T, MetricsError> {
        Ok(find(query, &locked(&self.relations))?)
    }

    /// The same of the query of a model.
    pub(crate) fn query_of_model<T>(&self, model: &Model, find: impl Fn(&SqlModel<'_>, &IndexMap<String, Relation>) -> Result<T, SqlError>) -> Result<T, MetricsError> {
        self.lower_what_is_read(model)?;
        self.query_of(&sql_of(model), find)
    }

    fn lower_what_is_read(&self, model: &Model) -> Result<(), MetricsError> {
        for read in &model.refs {
            self.relation(read)?;
        }
        if let Some(source) = model.sources.iter().find(|source| !locked(&self.relations).contains_key(*source)) {
            return Err(MetricsError::NotOpen { model: model.name.clone(), source_name: source.clone() });
        }
        Ok(())
    }

    /// Takes rows that are known for those of a model.
    pub fn put(&self, model: &str, relation: Relation) {
        locked(&self.relations).insert(model.to_owned(), relation);
        locked(&self.computed).push(model.to_owned());
    }

    /// The same of rows that come in one lot or more: a fact of them is computed lot by lot.
    ///
    /// # Errors
    /// Lots of other columns.
    pub fn put_lots(&self, model: &str, lots: Vec<Relation>) -> Result<(), MetricsError> {
        let Some(first) = lots.first() else { return Ok(()) };
        self.put(model, Relation::together(&first.schema, &lots, model)?);
        locked(&self.lots).insert(model.to_owned(), lots);
        Ok(())
    }

    /// Whether the rows of a model are known, and are not made from sources.
    #[must_use]
    pub fn has_rows(&self, model: &str) -> bool {
        locked(&self.computed).iter().any(|done| done == model)
    }

    /// The lots of a model's rows, at least one; `None` where they came whole.
    pub(crate) fn lots(&self, model: &str) -> Option<Vec<Relation>> {
        locked(&self.lots).get(model).cloned().or_else(|| self.other(model)?.lots(model))
    }

    /// Runs a query over sources and models; `reads` names the models among them.
    ///
    /// Out: its rows in its own order; text may come as a view array.
    ///
    /// # Errors
    /// A query or a model that does not bind or is not supported; rows that cannot be computed.
    pub fn sql(&self, query: &SqlModel<'_>, reads: &[&str]) -> Result<RecordBatch, MetricsError> {
        bridge::record_batch(&collect(self.query(query, reads)?, query.name, RUN)?)
    }

    /// Runs queries, as many at the same time as there are threads; the answers are in their order.
    ///
    /// # Errors
    /// As [`PolarsEngine::sql`].
    pub fn sql_all(&self, queries: &[(SqlModel<'_>, Vec<&str>)]) -> Result<Vec<RecordBatch>, MetricsError> {
        let frames = queries.iter().map(|(query, reads)| self.query(query, reads)).collect::<Result<Vec<LazyFrame>, _>>()?;
        // What queries share is not kept for all of them: it may be a whole table.
        let options = OptFlags::default().difference(OptFlags::COMM_SUBPLAN_ELIM);
        let mut answers = Vec::with_capacity(frames.len());
        let at_once = rayon::current_num_threads().max(1);
        for (frames, queries) in frames.chunks(at_once).zip(queries.chunks(at_once)) {
            let plans = frames.iter().map(|frame| frame.logical_plan.clone()).collect();
            match LazyFrame::collect_all_with_engine(plans, PolarsTarget::InMemory, options) {
                Ok(rows) => answers.extend(rows),
                // It does not say in which of them.
                Err(_) => {
                    for (frame, (query, _)) in frames.iter().zip(queries) {
                        answers.push(collect(frame.clone(), query.name, RUN)?);
                    }
                }
            }
        }
        answers.iter().map(bridge::record_batch).collect()
    }

    fn query(&self, query: &SqlModel<'_>, reads: &[&str]) -> Result<LazyFrame, MetricsError> {
        for name in reads.iter().filter(|name| self.project.models.contains_key(**name)) {
            self.relation(name)?;
        }
        Ok(lower_model(query, &locked(&self.relations))?.frame)
    }

    /// The model with its rows in memory.
    pub(crate) fn computed(&self, name: &str) -> Result<Relation, MetricsError> {
        let relation = self.relation(name)?;
        let lock = self.lock_of(name);
        let _making = locked(&lock);
        if self.has_rows(name) {
            return locked(&self.relations).get(name).cloned().map_or(Ok(relation), Ok);
        }
        let relation = match self.other(name) {
            Some(other) => other.computed(name)?,
            None => in_memory(relation, name)?,
        };
        self.put(name, relation.clone());
        Ok(relation)
    }

    /// The project.
    pub(crate) fn project(&self) -> &'a Project {
        self.project
    }

    /// The instant that the run takes for now.
    pub(crate) fn as_of(&self) -> DateTime<Utc> {
        self.as_of
    }
}

impl Engine for PolarsEngine<'_> {
    fn base_cells(&self, request: &BaseRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError> {
        let Some(window) = request.window else {
            let cells = self.base_cells_together(std::slice::from_ref(request))?;
            return Ok(cells.into_iter().next().unwrap_or_default());
        };
        let mut fact = fact::prepare(self, request)?;
        if let Some(rule) = request.snapshot {
            let filter = fact.measures.filters.first().and_then(Option::as_deref);
            let rows = snapshot::Rows::new(&bridge::record_batch(&fact.frame)?, request.model)?;
            let counting: BooleanChunked = rows.counting(&self.project.calendar, request, rule, filter).iter().collect();
            let refused = |source| MetricsError::Compute { model: request.model.to_owned(), doing: "keep the rows of the moment that counts", source };
            fact.frame = fact.frame.filter(&counting).map_err(refused)?;
        }
        let measures = measures_of(request, &fact.measures);
        let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); request.groupings.len()];
        for pairs in windows::parts(self, request, window, &fact)? {
            let cells = aggregate(self.project, request, &windows::spread(request, pairs, &fact)?, &measures)?;
            parts.iter_mut().zip(cells).for_each(|(part, cells)| part.push(cells));
        }
        let joined = parts.iter().map(|part| joined_rows(part)).collect::<Result<_, _>>();
        joined.map_err(|error| MetricsError::Bridge { column: request.time.to_owned(), reason: error.to_string() })
    }

    fn conversion_cells(&self, request: &ConversionRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError> {
        let rows = conversion::rows(self, request)?;
        let agg = request.conversion.measures.first().map_or(Agg::Count, |measure| measure.agg);
        let measure = Aggregated { name: request.name.clone(), agg, column: conversion::VALUE.to_owned(), filter: None };
        aggregate(self.project, &request.base, &rows, &[measure])
    }
}

/// A measure of rows: the names of its column and of that of its filter.
struct Aggregated {
    name: String,
    agg: Agg,
    column: String,
    filter: Option<String>,
}

/// The measures of a request over the columns that were made for them.
fn measures_of(request: &BaseRequest<'_>, columns: &MeasureColumns) -> Vec<Aggregated> {
    let of = request.measures.iter().zip(columns.columns.iter().zip(&columns.filters));
    of.map(|(measure, (column, filter))| Aggregated { name: measure.name.clone(), agg: measure.agg, column: column.clone(), filter: filter.clone() }).collect()
}

/// The cells of a request, as the rows of its fact come.
struct FactCells<'r> {
    project: &'r Project,
    request: &'r BaseRequest<'r>,
    cube: Cube,
}

impl<'r> FactCells<'r> {
    fn new(project: &'r Project, request: &'r BaseRequest<'r>) -> Self {
        Self { project, request, cube: Cube::default() }
    }

    /// Adds a lot of rows.
    fn add(&mut self, lot: &RecordBatch, measures: &[Aggregated]) -> Result<(), MetricsError> {
        let index_of = |name: &str| lot.schema_ref().index_of(name).ok();
        let time = index_of(TIME);
        let days = time.and_then(|time| {
            let days = lot.column(time).as_primitive::<Date32Type>();
            min(days).zip(max(days))
        });
        let periods = self.periods(days)?;
        let measures: Vec<CubeMeasure> = measures
            .iter()
            .map(|Aggregated { name, agg, column, filter }| CubeMeasure {
                name: name.clone(),
                column: index_of(column),
                filter: filter.as_deref().and_then(index_of),
                aggregate: *agg,
            })
            .collect();
        let keys: Vec<Vec<usize>> = self.request.groupings.iter().map(|g| g.slice.iter().filter_map(|item| index_of(item)).collect()).collect();
        let groupings: Vec<Grouping<'_>> =
            self.request.groupings.iter().zip(&keys).map(|(grouping, keys)| Grouping { period: grouping.grain.and_then(|grain| periods.get(&grain)), keys }).collect();
        let batches = std::slice::from_ref(lot);
        self.cube.add(&CubeRequest { schema: lot.schema(), batches, time, measures: &measures, groupings: &groupings }).map_err(|source| self.refused(source))
    }

    /// The cells, labels as text; where texts are given, what was added has their places.
    fn finish(mut self, texts: Option<&LabelTexts>) -> Result<Vec<RecordBatch>, MetricsError> {
        if let Some(texts) = texts {
            self.cube.relabel(|groups| texts.coded(groups)).map_err(|source| self.refused(source))?;
        }
        let periods = self.periods(self.cube.days())?;
        let periods: Vec<Option<&PeriodStarts>> = self.request.groupings.iter().map(|grouping| grouping.grain.and_then(|grain| periods.get(&grain))).collect();
        let model = self.request.model;
        let cells = self.cube.cells(&periods).and_then(|cells| cells.iter().map(labels::as_text).collect());
        cells.map_err(|source| MetricsError::Cube { model: model.to_owned(), source })
    }

    /// The period of each day between two, by grain.
    fn periods(&self, days: Option<(i32, i32)>) -> Result<BTreeMap<Grain, PeriodStarts>, MetricsError> {
        let days: Date32Array = days.into_iter().flat_map(|(first, last)| [Some(first), Some(last)]).collect();
        let grains: BTreeSet<Grain> = self.request.groupings.iter().filter_map(|g| g.grain).collect();
        let outside = |day| MetricsError::Definition {
            metric: self.request.measures.first().map(|m| m.metric.to_owned()).unwrap_or_default(),
            message: format!("day {day} of `{}` is outside the calendar", self.request.time),
        };
        let calendar = &self.project.calendar;
        let of_grain = |grain| {
            let periods = period_starts(calendar, grain, &days).map_err(outside)?;
            let only = &self.request.only;
            let is_asked = |start| {
                NaiveDate::from_epoch_days(start).map(|day| calendar.period(grain, day)).is_some_and(|period| {
                    let (start, end) = (period.start.to_epoch_days(), period.end.to_epoch_days());
                    only.iter().any(|(from, to)| *from < end && start < *to)
                })
            };
            Ok((grain, if only.is_empty() { periods } else { periods.only(is_asked) }))
        };
        grains.into_iter().map(of_grain).collect()
    }

    fn refused(&self, source: CubeError) -> MetricsError {
        MetricsError::Cube { model: self.request.model.to_owned(), source }
    }
}

impl PolarsEngine<'_> {
    /// The cells of requests for rows of which those of one moment count, each by its own rule.
    fn snapshot_cells(&self, requests: &[BaseRequest<'_>]) -> Result<Vec<Vec<RecordBatch>>, MetricsError> {
        let mut lots = FactLots::new(self, requests)?;
        let mut rows = Vec::new();
        while let Some(lot) = lots.next()? {
            rows.push(lot);
        }
        let Some((first, of_first)) = requests.first().zip(rows.first()) else { return Ok(Vec::new()) };
        let refused = |source| MetricsError::Cube { model: first.model.to_owned(), source: CubeError::Arrow { doing: "putting lots together".to_owned(), source } };
        let all = concat_batches(&of_first.schema(), &rows).map_err(refused)?;
        drop(rows);
        let (rows, project) = (snapshot::Rows::new(&all, first.model)?, self.project);
        drop(all);
        let measures = lots.measures().to_vec();
        let texts = lots.into_labels().into_texts();
        let cells = |(request, columns): (&BaseRequest<'_>, &MeasureColumns)| {
            let filter = columns.filters.first().and_then(Option::as_deref);
            let counting = request.snapshot.map(|rule| rows.at_moment(&project.calendar, request, rule, filter)).transpose()?;
            let mut cells = FactCells::new(project, request);
            cells.add(counting.as_ref().unwrap_or_else(|| rows.all()), &measures_of(request, columns))?;
            cells.finish(Some(&texts))
        };
        requests.par_iter().zip(&measures).map(cells).collect()
    }

    /// The base cells of requests of which each [has the rows](BaseRequest::has_rows_of) of the others, which are computed once.
    ///
    /// Rows come in lots: while one is aggregated, the next is computed.
    ///
    /// # Errors
    /// As [`Engine::base_cells`].
    pub fn base_cells_together(&self, requests: &[BaseRequest<'_>]) -> Result<Vec<Vec<RecordBatch>>, MetricsError> {
        if requests.iter().any(|request| request.snapshot.is_some()) {
            return self.snapshot_cells(requests);
        }
        let mut lots = FactLots::new(self, requests)?;
        let of_request = |(request, columns)| (FactCells::new(self.project, request), measures_of(request, columns));
        let mut cells: Vec<(FactCells<'_>, Vec<Aggregated>)> = requests.iter().zip(lots.measures()).map(of_request).collect();
        thread::scope(|scope| {
            let (give, taken) = mpsc::sync_channel::<RecordBatch>(0);
            let mut add = |lot: RecordBatch| cells.iter_mut().try_for_each(|(cells, measures)| cells.add(&lot, measures));
            let adding = scope.spawn(move || taken.into_iter().try_for_each(&mut add));
            // Nobody takes any more where a lot was refused.
            while let Some(lot) = lots.next()?
                && give.send(lot).is_ok()
            {}
            drop(give);
            adding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        let texts = lots.into_labels().into_texts();
        cells.into_iter().map(|(cells, _)| cells.finish(Some(&texts))).collect()
    }
}

/// The cells of rows that are all there.
fn aggregate(project: &Project, request: &BaseRequest<'_>, rows: &DataFrame, measures: &[Aggregated]) -> Result<Vec<RecordBatch>, MetricsError> {
    let mut cells = FactCells::new(project, request);
    cells.add(&bridge::record_batch(rows)?, measures)?;
    cells.finish(None)
}

/// Rows that are computed.
fn in_memory(Relation { schema, frame }: Relation, model: &str) -> Result<Relation, MetricsError> {
    Ok(Relation { schema, frame: collect(frame, model, "compute its rows")?.lazy() })
}

/// What a lock holds: nothing that may panic happens while it is changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sql_of(model: &Model) -> SqlModel<'_> {
    SqlModel { name: &model.name, file: &model.file, sql: &model.sql }
}
