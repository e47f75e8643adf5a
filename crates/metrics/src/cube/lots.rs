//! Rows lot by lot into states, and states into the cells of every grouping.
//!
//! In: lots of rows, one after the other; a lot is read and encoded once, and is not needed any more when it was added.
//! Out: one batch per grouping. What is kept of a lot is one row and one state per measure for each of its groups: by the keys of groupings
//! and by the longest stretches of days that all of their periods consist of.
//!
//! Groupings of other keys, and the measures within them, run in parallel on the current rayon pool.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Date32Type, Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use rayon::prelude::*;

use super::codes::{Codes, Order, encode};
use super::error::CubeError;
use super::fact::Fact;
use super::family::{Family, Level};
use super::grouping::GroupKeys;
use super::known_values::KnownValues;
use super::measure::{Measure, coded_column};
use super::measured::Measured;
use super::output::Output;
use super::period_starts::PeriodStarts;
use super::request::{CubeMeasure, CubeRequest, Grouping};
use quotient_model::Agg;

/// All measures of a fact, as its rows come.
///
/// How rows are split into lots, and their order, never changes a bit of a value in the cells.
#[derive(Debug, Default)]
pub struct Cube {
    /// The measures with the types of their columns.
    measures: Vec<(CubeMeasure, DataType)>,
    sets: Vec<KeySet>,
    /// By column the values that distinct counts have met.
    known: BTreeMap<usize, KnownValues>,
}

/// Groupings by the same keys: rows are grouped once for all of them, by the longest stretches of days that all of their periods consist of.
#[derive(Debug)]
struct KeySet {
    keys: Vec<usize>,
    /// Whether they have periods.
    has_periods: bool,
    /// Their places in the request.
    groupings: Vec<usize>,
    /// Of each lot one row for each group: its time, if there are periods, and its keys.
    groups: Vec<RecordBatch>,
    /// By measure the states of these groups, lot by lot.
    measured: Vec<Vec<Measured>>,
}

/// A lot of rows, read and encoded.
struct Lot<'a> {
    request: &'a CubeRequest<'a>,
    fact: &'a Fact<'a>,
    days: Option<&'a [Option<i32>]>,
    codes: &'a BTreeMap<usize, Codes>,
    measures: &'a [Measure<'a>],
}

impl Cube {
    /// Adds a lot of rows. Every lot has the same measures and groupings, but for the days that its periods are of.
    ///
    /// # Errors
    ///
    /// A column that is not there or has a type that its use does not allow, or another one than in the lots before, a measure without its
    /// column, a percentile rank outside 0 to 1, or a period without a time column.
    pub fn add(&mut self, request: &CubeRequest<'_>) -> Result<(), CubeError> {
        let fact = Fact::new(request)?;
        let days = fact.days()?;
        let codes = encode_columns(&fact, request, Order::AsFound)?;
        let numbers = self.numbers(&fact, request, &codes)?;
        let measures = request.measures.iter().map(|spec| Measure::new(&fact, spec, &codes, &numbers)).collect::<Result<Vec<_>, _>>()?;
        if self.sets.is_empty() {
            self.sets = KeySet::of(request);
            self.measures = measures.iter().zip(request.measures).map(|(measure, spec)| (spec.clone(), measure.data_type())).collect();
        }
        for (measure, (spec, known)) in measures.iter().zip(&self.measures) {
            if measure.data_type() != *known {
                return Err(CubeError::UnsupportedType { column: spec.name.clone(), found: measure.data_type(), expected: known.to_string() });
            }
        }
        let lot = Lot { request, fact: &fact, days: days.as_deref(), codes: &codes, measures: &measures };
        let added: Vec<Result<(), CubeError>> = self.sets.par_iter_mut().map(|set| set.add(&lot)).collect();
        added.into_iter().collect()
    }

    /// The numbers over all lots of the values that are counted, by column.
    fn numbers(&mut self, fact: &Fact<'_>, request: &CubeRequest<'_>, codes: &BTreeMap<usize, Codes>) -> Result<BTreeMap<usize, Vec<u32>>, CubeError> {
        let mut numbers = BTreeMap::new();
        for index in request.measures.iter().filter(|spec| spec.aggregate == Agg::CountDistinct).filter_map(|spec| spec.column) {
            let Some(codes) = codes.get(&index).filter(|_| !numbers.contains_key(&index)) else { continue };
            // A code that no row has stands for a value of a dictionary.
            let rows: Vec<Option<usize>> = codes.first_rows().into_iter().map(|row| (row != usize::MAX).then_some(row)).collect();
            let values = fact.take(index, &rows)?;
            numbers.insert(index, self.known.entry(index).or_default().numbers(fact.field(index)?.name(), &values)?);
        }
        Ok(numbers)
    }

    /// Puts other columns of the same names in the place of keys, such as texts in the place of codes.
    ///
    /// # Errors
    ///
    /// What the replacement refuses.
    pub fn relabel(&mut self, labelled: impl Fn(&RecordBatch) -> Result<RecordBatch, CubeError>) -> Result<(), CubeError> {
        for groups in self.sets.iter_mut().flat_map(|set| &mut set.groups) {
            *groups = labelled(groups)?;
        }
        Ok(())
    }

    /// The first and the last day of rows in groupings by period.
    #[must_use]
    pub fn days(&self) -> Option<(i32, i32)> {
        let groups = self.sets.iter().filter(|set| set.has_periods).flat_map(|set| &set.groups);
        let ranges: Vec<(i32, i32)> = groups.filter_map(|groups| range_of(groups.column(0))).collect();
        Some((ranges.iter().map(|range| range.0).min()?, ranges.iter().map(|range| range.1).max()?))
    }

    /// The cells: a batch per grouping, in the order of the request; each grouping with the periods of all days.
    ///
    /// # Errors
    ///
    /// A sum that does not fit its type, or more groups than 32 bits number.
    pub fn cells(self, periods: &[Option<&PeriodStarts>]) -> Result<Vec<RecordBatch>, CubeError> {
        let Self { measures, sets, .. } = self;
        let cells: Vec<Result<Vec<(usize, RecordBatch)>, CubeError>> = sets.into_par_iter().map(|set| set.cells(&measures, periods)).collect();
        let mut cells: Vec<(usize, RecordBatch)> = cells.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        cells.sort_by_key(|(grouping, _)| *grouping);
        Ok(cells.into_iter().map(|(_, cells)| cells).collect())
    }
}

impl KeySet {
    /// The sets of a request; every grouping is in one of them.
    fn of(request: &CubeRequest<'_>) -> Vec<Self> {
        let mut sets: Vec<Self> = Vec::new();
        for (place, Grouping { period, keys }) in request.groupings.iter().enumerate() {
            match sets.iter_mut().find(|set| set.keys == *keys && set.has_periods == period.is_some()) {
                Some(set) => set.groupings.push(place),
                None => sets.push(Self {
                    keys: keys.to_vec(),
                    has_periods: period.is_some(),
                    groupings: vec![place],
                    groups: Vec::new(),
                    measured: vec![Vec::new(); request.measures.len()],
                }),
            }
        }
        sets
    }

    fn add(&mut self, lot: &Lot<'_>) -> Result<(), CubeError> {
        let stretches = self.stretches(lot)?;
        let keys: Vec<&Codes> = self.keys.iter().filter_map(|key| lot.codes.get(key)).collect();
        let periods = lot.days.zip(stretches.as_ref());
        let groups = GroupKeys { rows: lot.fact.rows, periods, keys }.groups()?;
        let measured: Vec<Result<Measured, CubeError>> = lot.measures.par_iter().map(|measure| measure.of_groups(lot.fact, &groups.codes)).collect();
        for (all, of_lot) in self.measured.iter_mut().zip(measured) {
            all.push(of_lot?);
        }
        let rows: Vec<Option<usize>> = groups.first_rows.into_iter().map(Some).collect();
        let columns = lot.request.time.filter(|_| self.has_periods).into_iter().chain(self.keys.iter().copied());
        let columns: Vec<(Field, ArrayRef)> = columns.map(|index| Ok((lot.fact.field(index)?.clone(), lot.fact.take(index, &rows)?))).collect::<Result<_, CubeError>>()?;
        let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().map(|(field, column)| (field.with_nullable(true), column)).unzip();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let groups = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options);
        self.groups.push(groups.map_err(|source| CubeError::Arrow { doing: "keeping the groups of a lot".to_owned(), source })?);
        Ok(())
    }

    /// The stretches of days that the periods of all groupings consist of.
    fn stretches(&self, lot: &Lot<'_>) -> Result<Option<PeriodStarts>, CubeError> {
        if !self.has_periods {
            return Ok(None);
        }
        let periods: Vec<&PeriodStarts> = self.groupings.iter().filter_map(|place| lot.request.groupings[*place].period).collect();
        let days = lot.days.ok_or(CubeError::NoTime)?;
        let (first, last) = days.iter().flatten().fold((i32::MAX, i32::MIN), |(first, last), day| (first.min(*day), last.max(*day)));
        Ok(Some(PeriodStarts::common_parts(&periods, first, last)))
    }

    /// The cells of the groupings, each with its place in the request.
    fn cells(self, measures: &[(CubeMeasure, DataType)], periods: &[Option<&PeriodStarts>]) -> Result<Vec<(usize, RecordBatch)>, CubeError> {
        let Some(schema) = self.groups.first().map(RecordBatch::schema) else { return Ok(Vec::new()) };
        let time = self.has_periods.then_some(0);
        let keys: Vec<usize> = (usize::from(self.has_periods)..schema.fields().len()).collect();
        let groupings: Vec<Grouping<'_>> = self.groupings.iter().map(|place| Grouping { period: periods[*place], keys: &keys }).collect();
        let request = CubeRequest { schema, batches: &self.groups, time, measures: &[], groupings: &groupings };
        let fact = Fact::new(&request)?;
        let days = fact.days()?;
        let codes = encode_columns(&fact, &request, Order::Ascending)?;
        let joined = self.measured.into_iter().zip(measures).map(|(lots, (spec, data_type))| {
            let mixed = || CubeError::UnsupportedType { column: spec.name.clone(), found: data_type.clone(), expected: "one type in all lots".to_owned() };
            Measured::joined(lots).ok_or_else(mixed)
        });
        let mut measured: Vec<Measured> = joined.collect::<Result<_, _>>()?;
        let families = Family::of(&groupings);
        let mut cells = Vec::with_capacity(groupings.len());
        for (place, family) in families.iter().enumerate() {
            // The last takes the states themselves.
            let parts = if place + 1 == families.len() { std::mem::take(&mut measured) } else { measured.clone() };
            let levels = family.levels(fact.rows, days.as_deref(), &codes)?;
            let values: Vec<Result<Vec<ArrayRef>, CubeError>> =
                parts.into_par_iter().zip(measures).map(|(parts, (spec, data_type))| parts.values(spec, data_type, &levels)).collect();
            let values = values.into_iter().collect::<Result<Vec<_>, _>>()?;
            for (at, level) in levels.iter().enumerate() {
                let of_level = measures.iter().zip(&values).map(|((spec, _), values)| (spec.name.as_str(), &values[at]));
                cells.push((self.groupings[level.grouping], batch(&fact, days.as_deref(), level, &groupings[level.grouping], of_level)?));
            }
        }
        Ok(cells)
    }
}

/// The cells of one grouping.
fn batch<'m>(
    fact: &Fact<'_>,
    days: Option<&[Option<i32>]>,
    level: &Level,
    grouping: &Grouping<'_>,
    measures: impl Iterator<Item = (&'m str, &'m ArrayRef)>,
) -> Result<RecordBatch, CubeError> {
    let mut output = Output::default();
    if let Some((days, periods)) = days.zip(grouping.period) {
        output.add_periods(&level.groups, days, periods);
    }
    for key in grouping.keys {
        output.add_key(&level.groups, fact, *key)?;
    }
    for (name, values) in measures {
        output.add(name, Arc::clone(values));
    }
    output.finish(&level.groups)
}

/// Codes of every column that is a key, in this order or a stronger one, or that a measure reads by code.
fn encode_columns(fact: &Fact<'_>, request: &CubeRequest<'_>, order: Order) -> Result<BTreeMap<usize, Codes>, CubeError> {
    let mut columns: BTreeMap<usize, Order> = request.groupings.iter().flat_map(|grouping| grouping.keys.iter().map(|key| (*key, order))).collect();
    for spec in request.measures {
        if let Some((column, order)) = coded_column(fact, spec)? {
            columns.entry(column).and_modify(|known| *known = order.max(*known)).or_insert(order);
        }
    }
    let encoded: Vec<Result<(usize, Codes), CubeError>> = columns
        .into_par_iter()
        .map(|(index, order)| {
            let codes = encode(fact.field(index)?, &fact.column(index)?, order)?;
            Ok((index, codes))
        })
        .collect();
    encoded.into_iter().collect()
}

/// The first and the last of some days.
fn range_of(days: &ArrayRef) -> Option<(i32, i32)> {
    let days = days.as_primitive_opt::<Date32Type>()?;
    min(days).zip(max(days))
}
