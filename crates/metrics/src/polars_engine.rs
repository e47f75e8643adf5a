//! The engine in the process: models as Polars frames, then the cube.
//!
//! In: a project and the frames of its sources. Out: base cells. Models are lowered once and kept; one that several others read is
//! computed once.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Date32Type;
use chrono::{DateTime, Utc};
use indexmap::IndexMap;
use polars::prelude::{DataFrame, IntoLazy};
use quotient_model::{Agg, Grain, Project};

use crate::bridge;
use crate::conversion;
use crate::cube::{CubeMeasure, CubeRequest, Grouping, PeriodStarts, aggregate};
use crate::engine::{BaseRequest, ConversionRequest, Engine, joined_rows};
use crate::error::MetricsError;
use crate::fact::{self, TIME, collect};
use crate::periods::period_starts;
use crate::snapshot;
use crate::sql::{Relation, SqlModel, lower_model};
use crate::windows;

/// The default engine.
pub struct PolarsEngine<'a> {
    project: &'a Project,
    as_of: DateTime<Utc>,
    /// Sources by `schema.table`, and every model that has been lowered, by name.
    relations: RefCell<IndexMap<String, Relation>>,
    /// Models whose frame is rows in memory already.
    computed: RefCell<Vec<String>>,
    /// An engine that computes some models for this one too: they stand on nothing that is different here.
    beside: Option<(Rc<PolarsEngine<'a>>, BTreeSet<String>)>,
}

impl<'a> PolarsEngine<'a> {
    /// An engine over a project's sources, opened under their `schema.table` names.
    #[must_use]
    pub fn new(project: &'a Project, sources: IndexMap<String, Relation>, as_of: DateTime<Utc>) -> Self {
        Self { project, as_of, relations: RefCell::new(sources), computed: RefCell::new(Vec::new()), beside: None }
    }

    /// The same with models of another engine, which are computed there and once.
    #[must_use]
    pub fn with_models_of(self, other: &Rc<Self>, models: BTreeSet<String>) -> Self {
        Self { beside: Some((Rc::clone(other), models)), ..self }
    }

    /// The engine that computes a model for this one.
    fn other(&self, model: &str) -> Option<&Self> {
        self.beside.as_ref().filter(|(_, models)| models.contains(model)).map(|(other, _)| other.as_ref())
    }

    /// Lowers a model and everything that it reads; nothing is computed unless several models read it.
    ///
    /// # Errors
    /// SQL that does not bind or is not supported, with file and construct.
    pub fn relation(&self, name: &str) -> Result<Relation, MetricsError> {
        if let Some(known) = self.relations.borrow().get(name) {
            return Ok(known.clone());
        }
        let relation = match self.other(name) {
            Some(other) => other.relation(name)?,
            None => self.lowered(name)?,
        };
        self.relations.borrow_mut().insert(name.to_owned(), relation.clone());
        let readers = self.project.models.values().filter(|other| other.refs.iter().any(|read| read == name)).count();
        // A model over models that several read would be computed again by each of them.
        if readers > 1 && self.project.models.get(name).is_some_and(|model| !model.refs.is_empty()) {
            return self.computed(name);
        }
        Ok(relation)
    }

    /// A model lowered over what it reads, and not computed.
    pub(crate) fn lowered(&self, name: &str) -> Result<Relation, MetricsError> {
        let model = self.project.models.get(name).ok_or_else(|| MetricsError::Unknown { what: "model", name: name.to_owned(), near: None })?;
        for read in &model.refs {
            self.relation(read)?;
        }
        if let Some(source) = model.sources.iter().find(|source| !self.relations.borrow().contains_key(*source)) {
            return Err(MetricsError::NotOpen { model: model.name.clone(), source_name: source.clone() });
        }
        Ok(lower_model(&SqlModel { name: &model.name, file: &model.file, sql: &model.sql }, &self.relations.borrow())?)
    }

    /// Takes rows that are known for those of a model.
    pub fn put(&self, model: &str, relation: Relation) {
        self.relations.borrow_mut().insert(model.to_owned(), relation);
        self.computed.borrow_mut().push(model.to_owned());
    }

    /// Runs a query over sources and models; `reads` names the models among them.
    ///
    /// Out: its rows in its own order; text may come as a view array.
    ///
    /// # Errors
    /// A query or a model that does not bind or is not supported; rows that cannot be computed.
    pub fn sql(&self, query: &SqlModel<'_>, reads: &[&str]) -> Result<RecordBatch, MetricsError> {
        for name in reads.iter().filter(|name| self.project.models.contains_key(**name)) {
            self.relation(name)?;
        }
        let relation = lower_model(query, &self.relations.borrow())?;
        let rows = relation.frame.collect().map_err(|source| MetricsError::Compute { model: query.name.to_owned(), doing: "run its query", source })?;
        bridge::record_batch(&rows)
    }

    /// The model with its rows in memory.
    pub(crate) fn computed(&self, name: &str) -> Result<Relation, MetricsError> {
        self.relation(name)?;
        self.compute(name)?;
        self.relation(name)
    }

    fn compute(&self, name: &str) -> Result<(), MetricsError> {
        if self.computed.borrow().iter().any(|done| done == name) {
            return Ok(());
        }
        let relation = if let Some(other) = self.other(name) {
            other.computed(name)?
        } else {
            let Relation { schema, frame } = self.relation(name)?;
            Relation { schema, frame: collect(frame, name, "compute its rows")?.lazy() }
        };
        self.put(name, relation);
        Ok(())
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
        let mut fact = fact::prepare(self, request)?;
        if let Some(rule) = request.snapshot {
            fact = snapshot::keep(self, request, rule, fact)?;
        }
        let measures =
            || request.measures.iter().enumerate().map(|(i, measure)| (measure.name.clone(), measure.agg, fact.columns[i].as_str(), fact.filters[i].as_deref())).collect();
        let Some(window) = request.window else { return self.aggregate(request, &fact.frame, measures()) };
        let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); request.groupings.len()];
        for pairs in windows::parts(self, request, window, &fact)? {
            let cells = self.aggregate(request, &windows::spread(request, pairs, &fact)?, measures())?;
            parts.iter_mut().zip(cells).for_each(|(part, cells)| part.push(cells));
        }
        let joined = parts.iter().map(|part| joined_rows(part)).collect::<Result<_, _>>();
        joined.map_err(|error| MetricsError::Bridge { column: request.time.to_owned(), reason: error.to_string() })
    }

    fn conversion_cells(&self, request: &ConversionRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError> {
        let rows = conversion::rows(self, request)?;
        let agg = request.conversion.measures.first().map_or(Agg::Count, |measure| measure.agg);
        self.aggregate(&request.base, &rows, vec![(request.name.clone(), agg, conversion::VALUE, None)])
    }
}

impl PolarsEngine<'_> {
    /// The cube of rows: measures by name, with their aggregate, their column and that of their filter.
    fn aggregate(&self, request: &BaseRequest<'_>, rows: &DataFrame, measures: Vec<(String, Agg, &str, Option<&str>)>) -> Result<Vec<RecordBatch>, MetricsError> {
        let batch = bridge::record_batch(rows)?;
        let time = index_of(&batch, TIME);
        let periods = self.periods(request, &batch, time)?;
        let measures: Vec<CubeMeasure> = measures
            .into_iter()
            .map(|(name, aggregate, column, filter)| CubeMeasure { name, column: index_of(&batch, column), filter: filter.and_then(|name| index_of(&batch, name)), aggregate })
            .collect();
        let keys: Vec<Vec<usize>> = request.groupings.iter().map(|g| g.slice.iter().filter_map(|item| index_of(&batch, item)).collect()).collect();
        let groupings: Vec<Grouping<'_>> =
            request.groupings.iter().zip(&keys).map(|(grouping, keys)| Grouping { period: grouping.grain.and_then(|grain| periods.get(&grain)), keys }).collect();
        let cube = CubeRequest { schema: batch.schema(), batches: std::slice::from_ref(&batch), time, measures: &measures, groupings: &groupings };
        aggregate(&cube).map_err(|source| MetricsError::Cube { model: request.model.to_owned(), source })
    }

    /// The period of each day of the fact, by grain.
    fn periods(&self, request: &BaseRequest<'_>, batch: &RecordBatch, time: Option<usize>) -> Result<BTreeMap<Grain, PeriodStarts>, MetricsError> {
        let Some(time) = time else { return Ok(BTreeMap::new()) };
        let days = batch.column(time).as_primitive::<Date32Type>();
        let grains: BTreeSet<Grain> = request.groupings.iter().filter_map(|g| g.grain).collect();
        let outside = |day| MetricsError::Definition {
            metric: request.measures.first().map(|m| m.metric.to_owned()).unwrap_or_default(),
            message: format!("day {day} of `{}` is outside the calendar", request.time),
        };
        grains.into_iter().map(|grain| Ok((grain, period_starts(&self.project.calendar, grain, days).map_err(outside)?))).collect()
    }
}

fn index_of(batch: &RecordBatch, name: &str) -> Option<usize> {
    batch.schema().index_of(name).ok()
}
