//! Rows lot by lot into states, and states into the cells of every grouping.
//!
//! In: lots of rows, one after the other; a lot is read and encoded once, and is not needed any more when it was added.
//! Out: one batch per grouping. What is kept of a lot is one row and one state per measure for each of its groups: by the keys of groupings
//! and by the longest stretches of days that all of their periods consist of. Groupings by some of the keys of others are made of their groups.
//!
//! Groupings that are not made of others, and the measures within them, run in parallel on the current rayon pool.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Date32Type, Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use rayon::prelude::*;

use super::codes::{Codes, Order, encode, small_numbers};
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

/// Groupings by some keys or by fewer of them: rows are grouped once for all, by the longest stretches of days that all of their periods consist of.
#[derive(Debug)]
struct KeySet {
    keys: Vec<usize>,
    /// Whether the groupings have periods.
    has_periods: bool,
    /// The places of the groupings in the request, each with those of its keys among the keys here.
    groupings: Vec<(usize, Vec<usize>)>,
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
    /// Of each measure the first that has the same state in any group.
    same_as: Vec<usize>,
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
        let (codes, numbers) = rayon::join(|| encode_columns(&fact, request, Order::AsFound), || self.numbers(&fact, request));
        let (codes, numbers) = (codes?, numbers?);
        let measures = request.measures.iter().map(|spec| Measure::new(&fact, spec, &codes, &numbers)).collect::<Result<Vec<_>, _>>()?;
        if self.sets.is_empty() {
            self.sets = KeySet::of(request, &codes);
            self.measures = measures.iter().zip(request.measures).map(|(measure, spec)| (spec.clone(), measure.data_type())).collect();
        }
        for (measure, (spec, known)) in measures.iter().zip(&self.measures) {
            if measure.data_type() != *known {
                return Err(CubeError::UnsupportedType { column: spec.name.clone(), found: measure.data_type(), expected: known.to_string() });
            }
        }
        let same_as = (0..measures.len()).map(|at| measures[..at].iter().position(|before| before.is_same(&measures[at])).unwrap_or(at)).collect();
        let lot = Lot { request, fact: &fact, days: days.as_deref(), codes: &codes, measures: &measures, same_as };
        let added: Vec<Result<(), CubeError>> = self.sets.par_iter_mut().map(|set| set.add(&lot)).collect();
        added.into_iter().collect()
    }

    /// The numbers over all lots of the values that are counted, row by row and by column.
    fn numbers(&mut self, fact: &Fact<'_>, request: &CubeRequest<'_>) -> Result<BTreeMap<usize, Vec<Option<u32>>>, CubeError> {
        let mut numbers = BTreeMap::new();
        for index in request.measures.iter().filter(|spec| spec.aggregate == Agg::CountDistinct).filter_map(|spec| spec.column) {
            if let Entry::Vacant(place) = numbers.entry(index) {
                place.insert(self.known.entry(index).or_default().numbers(fact.field(index)?.name(), &fact.column(index)?)?);
            }
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
        let Self { measures, sets, known } = self;
        // Numbers are all that is needed of values.
        drop(known);
        let cells: Vec<Result<Vec<(usize, RecordBatch)>, CubeError>> = sets.into_par_iter().map(|set| set.cells(&measures, periods)).collect();
        let mut cells: Vec<(usize, RecordBatch)> = cells.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        cells.sort_by_key(|(grouping, _)| *grouping);
        Ok(cells.into_iter().map(|(_, cells)| cells).collect())
    }
}

impl KeySet {
    /// The sets of a request; every grouping is in one of them.
    ///
    /// One by some of the keys of another is in its set; where there are several, in the one of the fewest groups.
    fn of(request: &CubeRequest<'_>, codes: &BTreeMap<usize, Codes>) -> Vec<Self> {
        let mut places: Vec<usize> = (0..request.groupings.len()).collect();
        places.sort_by_key(|place| std::cmp::Reverse(request.groupings[*place].keys.len()));
        let most_groups = |set: &Self| set.keys.iter().filter_map(|key| codes.get(key)).fold(1_u64, |groups, codes| groups.saturating_mul(codes.cardinality()));
        let mut sets: Vec<Self> = Vec::new();
        for place in places {
            let Grouping { period, keys } = request.groupings[place];
            let among = |set: &Self| -> Option<Vec<usize>> { keys.iter().map(|key| set.keys.iter().position(|other| other == key)).collect() };
            // Periods of the narrower that cut those of the wider would make more groups of it.
            let has_parts = |set: &Self| {
                let parts = set.groupings.iter().filter_map(|(place, _)| request.groupings[*place].period);
                set.keys.len() == keys.len() || period.is_none_or(|period| parts.into_iter().any(|part| part.is_part_of(period)))
            };
            let wider = sets.iter_mut().filter(|set| set.has_periods == period.is_some() && has_parts(set)).filter_map(|set| among(set).map(|found| (set, found)));
            match wider.min_by_key(|(set, _)| most_groups(set)) {
                Some((set, found)) => set.groupings.push((place, found)),
                None => sets.push(Self {
                    keys: keys.to_vec(),
                    has_periods: period.is_some(),
                    groupings: vec![(place, (0..keys.len()).collect())],
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
        let of_groups = |(at, measure): (usize, &Measure<'_>)| (lot.same_as[at] == at).then(|| measure.of_groups(lot.fact, &groups.codes)).transpose();
        let found: Vec<Result<Option<Measured>, CubeError>> = lot.measures.par_iter().enumerate().map(of_groups).collect();
        let mut found: Vec<Option<Measured>> = found.into_iter().collect::<Result<_, _>>()?;
        // From the last on: a state is taken after those that are the same.
        for (at, all) in self.measured.iter_mut().enumerate().rev() {
            let first = lot.same_as[at];
            all.extend(if first == at { found[at].take() } else { found[first].clone() });
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
        let periods: Vec<&PeriodStarts> = self.groupings.iter().filter_map(|(place, _)| lot.request.groupings[*place].period).collect();
        let days = lot.days.ok_or(CubeError::NoTime)?;
        let (first, last) = days.iter().flatten().fold((i32::MAX, i32::MIN), |(first, last), day| (first.min(*day), last.max(*day)));
        Ok(Some(PeriodStarts::common_parts(&periods, first, last)))
    }

    /// The cells of the groupings, each with its place in the request.
    fn cells(self, measures: &[(CubeMeasure, DataType)], periods: &[Option<&PeriodStarts>]) -> Result<Vec<(usize, RecordBatch)>, CubeError> {
        let Some(schema) = self.groups.first().map(RecordBatch::schema) else { return Ok(Vec::new()) };
        let time = self.has_periods.then_some(0);
        let first_key = usize::from(self.has_periods);
        let keys: Vec<Vec<usize>> = self.groupings.iter().map(|(_, keys)| keys.iter().map(|key| first_key + key).collect()).collect();
        let groupings: Vec<Grouping<'_>> = self.groupings.iter().zip(&keys).map(|((place, _), keys)| Grouping { period: periods[*place], keys }).collect();
        let request = CubeRequest { schema, batches: &self.groups, time, measures: &[], groupings: &groupings };
        let fact = Fact::new(&request)?;
        let days = fact.days()?;
        let codes = encode_columns(&fact, &request, Order::Ascending)?;
        let joined = self.measured.into_iter().zip(measures).map(|(lots, (spec, data_type))| {
            let mixed = || CubeError::UnsupportedType { column: spec.name.clone(), found: data_type.clone(), expected: "one type in all lots".to_owned() };
            Measured::joined(lots).ok_or_else(mixed)
        });
        let measured: Vec<Measured> = joined.collect::<Result<_, _>>()?;
        let of_family = |family: &Family<'_>| -> Result<Vec<(usize, RecordBatch)>, CubeError> {
            let levels = family.levels(fact.rows, days.as_deref(), &codes)?;
            let values: Vec<Result<Vec<ArrayRef>, CubeError>> =
                measured.par_iter().zip(measures).map(|(parts, (spec, data_type))| parts.values(spec, data_type, &levels)).collect();
            let values = values.into_iter().collect::<Result<Vec<_>, _>>()?;
            let of_level = |(at, level): (usize, &Level)| {
                let of_level = measures.iter().zip(&values).map(|((spec, _), values)| (spec.name.as_str(), &values[at]));
                Ok((self.groupings[level.grouping].0, batch(&fact, days.as_deref(), level, &groupings[level.grouping], of_level)?))
            };
            levels.iter().enumerate().map(of_level).collect()
        };
        let cells: Vec<Result<Vec<(usize, RecordBatch)>, CubeError>> = Family::of(&groupings).par_iter().map(of_family).collect();
        Ok(cells.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
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
        if let Some(column) = coded_column(fact, spec)? {
            columns.insert(column, Order::Ascending);
        }
    }
    let encoded: Vec<Result<(usize, Codes), CubeError>> = columns
        .into_par_iter()
        .map(|(index, order)| {
            let column = fact.column(index)?;
            let numbered = if order == Order::AsFound { small_numbers(&column) } else { None };
            Ok((index, numbered.map_or_else(|| encode(fact.field(index)?, &column, order), Ok)?))
        })
        .collect();
    encoded.into_iter().collect()
}

/// The first and the last of some days.
fn range_of(days: &ArrayRef) -> Option<(i32, i32)> {
    let days = days.as_primitive_opt::<Date32Type>()?;
    min(days).zip(max(days))
}
