//! A request whose long periods are made of cells: only the rows of touched days are read for them, not those of the whole year.
//!
//! In: a request, its kept cells, what is touched. Out: a request for the shortest periods of every slice and the measures that add up
//! exactly, one for all else, and from their answers the cells that the request itself would have given.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use chrono::NaiveDate;
use quotient_metrics::{BaseRequest, MetricsError, joined_rows, of_parts, roll_up};
use quotient_model::{Agg, Calendar};

use crate::incremental_engine::refused;
use crate::stored_cells::{Stored, only, same_types};
use crate::stretches::Touching;

/// A request taken apart.
pub(crate) struct RolledUp<'r, 'a> {
    request: &'r BaseRequest<'a>,
    kept: &'r Stored,
    /// Of each grouping the one that its cells are made of: the same slice by shorter periods.
    parts: Vec<Option<usize>>,
    /// Places of the measures that add up exactly, and the aggregate of their parts.
    adding: BTreeMap<usize, Agg>,
}

impl<'r, 'a> RolledUp<'r, 'a> {
    /// Takes a request apart; `None` where no cell of it can be made of others.
    pub(crate) fn new(request: &'r BaseRequest<'a>, kept: &'r Stored) -> Option<Self> {
        let first = kept.batches.first()?.schema();
        let first_measure = 1 + request.groupings.first()?.slice.len();
        let of_parts =
            |(place, measure): (usize, &quotient_metrics::BaseMeasure<'_>)| Some((place, of_parts(measure.agg, first.fields().get(first_measure + place)?.data_type())?));
        let adding: BTreeMap<usize, Agg> = request.measures.iter().enumerate().filter_map(of_parts).collect();
        let parts: Vec<Option<usize>> = (0..request.groupings.len()).map(|at| part_of(request, at)).collect();
        let all_have_periods = request.groupings.iter().all(|grouping| grouping.grain.is_some());
        let is_rolled = request.snapshot.is_none() && request.window.is_none() && all_have_periods && !adding.is_empty() && parts.iter().any(Option::is_some);
        is_rolled.then_some(Self { request, kept, parts, adding })
    }

    /// The request for cells that others are made of.
    pub(crate) fn shortest(&self) -> BaseRequest<'a> {
        let groupings = self.request.groupings.iter().zip(&self.parts).filter(|(_, part)| part.is_none()).map(|(grouping, _)| grouping.clone());
        BaseRequest { measures: self.measures(true), groupings: groupings.collect(), ..self.request.clone() }
    }

    /// The request for measures that do not add up; `None` where all do.
    pub(crate) fn others(&self) -> Option<BaseRequest<'a>> {
        let measures = self.measures(false);
        (!measures.is_empty()).then(|| BaseRequest { measures, ..self.request.clone() })
    }

    fn measures(&self, adding: bool) -> Vec<quotient_metrics::BaseMeasure<'a>> {
        self.request.measures.iter().enumerate().filter(|(place, _)| self.adding.contains_key(place) == adding).map(|(_, measure)| measure.clone()).collect()
    }

    /// The cells of the request in all periods that are taken, from the answers to both requests.
    ///
    /// `None` where these do not have the same groups: of a model that declares too little, rows differ on days that are not touched.
    pub(crate) fn cells(
        &self,
        calendar: &Calendar,
        touching: &Touching,
        shortest: &[RecordBatch],
        others: Option<&[RecordBatch]>,
    ) -> Result<Option<Vec<RecordBatch>>, MetricsError> {
        let fault = |error: ArrowError| refused(self.request.model, &error);
        let mut order: Vec<usize> = (0..self.request.groupings.len()).collect();
        order.sort_by_key(|at| self.request.groupings[*at].grain);
        let mut next_shortest = shortest.iter();
        let mut adding: Vec<RecordBatch> = vec![RecordBatch::new_empty(SchemaRef::new(Schema::empty())); order.len()];
        for (at, batch) in self.parts.iter().enumerate().filter(|(_, part)| part.is_none()).filter_map(|(at, _)| Some((at, next_shortest.next()?))) {
            let taken = only(batch, &|day| self.takes(calendar, touching, at, day)).map_err(fault)?;
            adding[at] = same_types(&taken, &self.kept_adding(at).map_err(fault)?).map_err(fault)?;
        }
        for at in order {
            let Some((part, grain)) = self.parts[at].zip(self.request.groupings[at].grain) else { continue };
            let dimensions = self.request.groupings[at].slice.len();
            let takes = |of: usize, day: i32| self.takes(calendar, touching, of, day);
            let kept = self.kept_adding(part).and_then(|kept| only(&kept, &|day| takes(at, day) && !takes(part, day))).map_err(fault)?;
            let fresh = only(&adding[part], &|day| takes(at, day)).map_err(fault)?;
            let cells = joined_rows(&[kept, fresh]).map_err(fault)?;
            let aggregates: Vec<Agg> = self.adding.values().copied().collect();
            let rolled = roll_up(calendar, self.request.model, &cells, dimensions, &aggregates, grain)?;
            adding[at] = same_types(&rolled, &self.kept_adding(at).map_err(fault)?).map_err(fault)?;
        }
        let Some(others) = others else { return Ok(Some(adding)) };
        let mut all = Vec::with_capacity(adding.len());
        for (at, (adding, other)) in adding.iter().zip(others).enumerate() {
            let other = only(other, &|day| self.takes(calendar, touching, at, day)).map_err(fault)?;
            let Some(batch) = self.beside(at, adding, &other).map_err(fault)? else { return Ok(None) };
            all.push(batch);
        }
        Ok(Some(all))
    }

    fn takes(&self, calendar: &Calendar, touching: &Touching, at: usize, day: i32) -> bool {
        let grain = self.request.groupings.get(at).and_then(|grouping| grouping.grain);
        grain.zip(NaiveDate::from_epoch_days(day)).is_some_and(|(grain, day)| touching.takes(calendar.period(grain, day)))
    }

    /// The kept cells of a grouping with the measures that add up.
    fn kept_adding(&self, at: usize) -> Result<RecordBatch, ArrowError> {
        let keys = 1 + self.request.groupings[at].slice.len();
        let places: Vec<usize> = (0..keys).chain(self.adding.keys().map(|place| keys + place)).collect();
        self.kept.batches[at].project(&places)
    }

    /// The measures of two batches of the same groups in the order of the request; `None` where the groups differ.
    fn beside(&self, at: usize, adding: &RecordBatch, other: &RecordBatch) -> Result<Option<RecordBatch>, ArrowError> {
        let keys = 1 + self.request.groupings[at].slice.len();
        let keys_of_adding: Vec<usize> = (0..keys).collect();
        let groups = adding.project(&keys_of_adding)?;
        if same_types(&other.project(&keys_of_adding)?, &groups)? != groups {
            return Ok(None);
        }
        let (mut next_adding, mut next_other) = (keys.., keys..);
        let mut columns: Vec<ArrayRef> = groups.columns().to_vec();
        for place in 0..self.request.measures.len() {
            let (batch, next) = if self.adding.contains_key(&place) { (adding, next_adding.next()) } else { (other, next_other.next()) };
            columns.extend(next.and_then(|column| batch.columns().get(column)).cloned());
        }
        let schema = self.kept.batches[at].schema();
        let columns = columns
            .iter()
            .zip(schema.fields())
            .map(|(column, field)| if column.data_type() == field.data_type() { Ok(column.clone()) } else { arrow::compute::cast(column, field.data_type()) });
        RecordBatch::try_new(schema.clone(), columns.collect::<Result<_, _>>()?).map(Some)
    }
}

/// The grouping of the same slice by the longest of the periods that those of a grouping consist of.
fn part_of(request: &BaseRequest<'_>, at: usize) -> Option<usize> {
    let grouping = request.groupings.get(at)?;
    let grain = grouping.grain?;
    let shorter = request
        .groupings
        .iter()
        .enumerate()
        .filter_map(|(place, other)| Some((place, other.grain.filter(|other_grain| other.slice == grouping.slice && *other_grain < grain && other_grain.is_part_of(grain))?)));
    shorter.reduce(|longest, next| if longest.1.is_part_of(next.1) { next } else { longest }).map(|(place, _)| place)
}
