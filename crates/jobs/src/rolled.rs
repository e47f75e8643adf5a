//! A request whose long periods are made of cells: only the rows of touched days are read for them, not those of the whole year.
//!
//! In: a request, its kept cells, what is touched. Out: a request for the shortest periods of every slice and the measures that add up
//! exactly, one for all else, and from their answers the cells that the request itself would have given.

use std::collections::BTreeMap;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use quotient_metrics::{BaseMeasure, BaseRequest, MetricsError, joined_rows, of_parts, roll_up};
use quotient_model::{Agg, Calendar};

use crate::stored_cells::{Stored, only, refused, same_types};
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
        let of_parts = |(place, measure): (usize, &BaseMeasure<'_>)| Some((place, of_parts(measure.agg, first.fields().get(first_measure + place)?.data_type())?));
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

    fn measures(&self, adding: bool) -> Vec<BaseMeasure<'a>> {
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
        let takes = |at: usize, day: i32| touching.takes_at(calendar, self.request.groupings[at].grain, day);
        let mut order: Vec<usize> = (0..self.request.groupings.len()).collect();
        order.sort_by_key(|at| self.request.groupings[*at].grain);
        let mut next_shortest = shortest.iter();
        let mut adding: Vec<RecordBatch> = vec![RecordBatch::new_empty(SchemaRef::new(Schema::empty())); order.len()];
        for (at, batch) in self.parts.iter().enumerate().filter(|(_, part)| part.is_none()).filter_map(|(at, _)| Some((at, next_shortest.next()?))) {
            let taken = only(batch, &|day| takes(at, day)).map_err(fault)?;
            adding[at] = same_types(&taken, &self.kept_adding(at).map_err(fault)?).map_err(fault)?;
        }
        for at in order {
            let Some((part, grain)) = self.parts[at].zip(self.request.groupings[at].grain) else { continue };
            let dimensions = self.request.groupings[at].slice.len();
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
            let other = only(other, &|day| takes(at, day)).map_err(fault)?;
            let Some(batch) = self.beside(at, adding, &other).map_err(fault)? else { return Ok(None) };
            all.push(batch);
        }
        Ok(Some(all))
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
        let kept = &self.kept.batches[at];
        let named = kept.schema_ref().fields().iter().zip(columns).map(|(field, column)| (field.name(), column, true));
        same_types(&RecordBatch::try_from_iter_with_nullable(named)?, kept).map(Some)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Date32Array, Float64Array, Int64Array, StringArray};
    use quotient_metrics::BaseGrouping;
    use quotient_model::Grain;

    use super::*;
    use crate::days::Days;
    use crate::stored_cells::Question;

    /// 30 and 31 January, 1 February 2025.
    const DAYS: [i32; 3] = [20_118, 20_119, 20_120];
    const JANUARY: i32 = 20_089;

    type Cells = [(i32, &'static str, Option<i64>, Option<f64>)];

    fn batch(cells: &Cells, with_won: bool, with_hours: bool) -> RecordBatch {
        let starts: ArrayRef = Arc::new(Date32Array::from_iter_values(cells.iter().map(|cell| cell.0)));
        let teams: ArrayRef = Arc::new(StringArray::from_iter_values(cells.iter().map(|cell| cell.1)));
        let mut columns = vec![("period_start", starts), ("rep__team", teams)];
        if with_won {
            columns.push(("won", Arc::new(cells.iter().map(|cell| cell.2).collect::<Int64Array>())));
        }
        if with_hours {
            columns.push(("hours", Arc::new(cells.iter().map(|cell| cell.3).collect::<Float64Array>())));
        }
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
    }

    fn request() -> BaseRequest<'static> {
        let measure = |name: &str, agg| BaseMeasure { name: name.to_owned(), metric: "m", agg, expr: "x", filters: Vec::new() };
        let by = |grain| BaseGrouping { grain: Some(grain), slice: vec!["rep__team".to_owned()] };
        BaseRequest {
            model: "deals",
            time: "closed_at",
            measures: vec![measure("won", Agg::Count), measure("hours", Agg::Average)],
            groupings: vec![by(Grain::Month), by(Grain::Day)],
            keep: Vec::new(),
            snapshot: None,
            window: None,
            from: None,
            to: None,
            only: Vec::new(),
        }
    }

    fn kept() -> Stored {
        let months = batch(&[(JANUARY, "a", Some(3), Some(1.5)), (DAYS[2], "a", Some(9), Some(9.0))], true, true);
        let days = batch(&[(DAYS[0], "a", Some(1), Some(1.0)), (DAYS[1], "a", Some(2), Some(2.0)), (DAYS[2], "a", Some(9), Some(9.0))], true, true);
        Stored { question: Question { model: "deals".to_owned(), groupings: Vec::new(), measures: Vec::new() }, batches: vec![months, days] }
    }

    /// The last of January is touched, and all days are known.
    fn touching() -> Touching {
        Touching { days: vec![Days { from: DAYS[1], to: DAYS[2] }], known: vec![Days::ALL], tomorrow: DAYS[2] + 1 }
    }

    #[test]
    fn a_month_is_made_of_its_days_where_values_add_up_and_of_rows_where_not() {
        let (request, kept) = (request(), kept());
        let rolled = RolledUp::new(&request, &kept).unwrap();
        let (shortest, others) = (rolled.shortest(), rolled.others().unwrap());
        assert_eq!((shortest.measures.len(), shortest.groupings.clone()), (1, vec![request.groupings[1].clone()]));
        assert_eq!((others.measures[0].name.as_str(), others.groupings.len()), ("hours", 2));
        let fresh_days = batch(&[(DAYS[1], "a", Some(5), None), (DAYS[1], "b", Some(7), None)], true, false);
        // Averages come from all rows of the month, and have the days around the touched one beside it.
        let months = batch(&[(JANUARY, "a", None, Some(4.0)), (JANUARY, "b", None, Some(7.0))], false, true);
        let days = batch(&[(DAYS[0], "a", None, Some(1.0)), (DAYS[1], "a", None, Some(5.0)), (DAYS[1], "b", None, Some(7.0))], false, true);
        let cells = rolled.cells(&Calendar::default(), &touching(), std::slice::from_ref(&fresh_days), Some(&[months, days])).unwrap().unwrap();
        assert_eq!(cells[0], batch(&[(JANUARY, "a", Some(6), Some(4.0)), (JANUARY, "b", Some(7), Some(7.0))], true, true));
        assert_eq!(cells[1], batch(&[(DAYS[1], "a", Some(5), Some(5.0)), (DAYS[1], "b", Some(7), Some(7.0))], true, true));
    }

    #[test]
    fn groups_that_differ_are_left_to_the_request_itself() {
        let (request, kept) = (request(), kept());
        let rolled = RolledUp::new(&request, &kept).unwrap();
        let none = batch(&[], false, true);
        let fresh_days = batch(&[(DAYS[1], "a", Some(5), None)], true, false);
        assert_eq!(rolled.cells(&Calendar::default(), &touching(), &[fresh_days], Some(&[none.clone(), none])).unwrap(), None);
    }

    #[test]
    fn without_shorter_periods_or_values_that_add_up_nothing_is_taken_apart() {
        let (request, kept) = (request(), kept());
        let months = BaseRequest { groupings: vec![request.groupings[0].clone()], ..request.clone() };
        assert!(RolledUp::new(&months, &kept).is_none());
        let averages = BaseRequest { measures: vec![BaseMeasure { agg: Agg::Average, ..request.measures[0].clone() }], ..request.clone() };
        assert!(RolledUp::new(&averages, &kept).is_none());
    }
}
