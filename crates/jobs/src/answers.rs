//! The answers of a run to every request of its tables, and an engine that gives them again.
//!
//! In: cells by request, with what was kept of them. Out: the cells of one table, of the periods that are needed, without a look at rows;
//! tables can be derived from them at the same time, and what is next kept of them.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use chrono::NaiveDate;
use quotient_metrics::{BaseRequest, ConversionRequest, Engine, MetricsError, PeriodsNeeded};
use quotient_model::{Grain, Project};

use crate::cell_shelf::CellShelf;
use crate::days::{Days, common};
use crate::error::JobError;
use crate::ledger::{Kept, KeptCells};
use crate::question::{base_key, base_question, conversion_key, conversion_question, grains_of};
use crate::stored_cells::{Question, Stored, only, refused, year_of};

/// The answer to one request, and where it differs from what was kept.
pub(crate) struct Answered<C = Held> {
    pub(crate) cells: C,
    /// The first day of the first period that has a cell.
    pub(crate) first_day: Option<i32>,
    pub(crate) changes: Changed,
    /// The days that the answer covers.
    pub(crate) covered: Vec<Days>,
}

impl Answered<()> {
    /// The same with its cells.
    pub(crate) fn with(self, cells: Held) -> Answered {
        let Self { first_day, changes, covered, .. } = self;
        Answered { cells, first_day, changes, covered }
    }
}

/// Where the cells of an answer are.
pub(crate) enum Held {
    /// In memory.
    There(Stored),
    /// Where they stay.
    Put(Kept),
}

/// Where an answer differs from what was kept.
pub(crate) enum Changed {
    /// Maybe everywhere: nothing was kept, or an answer to another question. What is published may differ from a day on.
    Everywhere { day: i32 },
    /// In cells of these years, the first of which are of a period that ends after a day; none where nothing differs.
    Since { day: i32, years: BTreeSet<i32> },
}

/// The answers of a run, by request.
#[derive(Default)]
pub(crate) struct Answers(BTreeMap<String, Answered>);

impl Answers {
    pub(crate) fn insert(&mut self, key: String, answered: Answered) {
        self.0.insert(key, answered);
    }

    /// A day such that no cell of a period of a table that ends then or before differs from what was kept.
    pub(crate) fn since(&self, table: &str) -> i32 {
        let days = self.of_table(table).map(|answered| match &answered.changes {
            Changed::Everywhere { day } | Changed::Since { day, .. } => *day,
        });
        days.min().unwrap_or(i32::MAX)
    }

    /// The days of which a table has the cells of all its requests.
    pub(crate) fn covered(&self, table: &str) -> Vec<Days> {
        self.of_table(table).fold(vec![Days::ALL], |covered, answered| common(&covered, &answered.covered))
    }

    /// The first day of the first period that has a cell in any table.
    pub(crate) fn first_day(&self) -> Option<NaiveDate> {
        self.0.values().filter_map(|answered| answered.first_day).min().and_then(NaiveDate::from_epoch_days)
    }

    /// Those of one table, taken out.
    pub(crate) fn take(&mut self, table: &str) -> Self {
        let prefix = format!("{table}.");
        Self(self.0.extract_if(.., |key, _| key.starts_with(&prefix)).collect())
    }

    /// Their cells, as far as they are of periods that are needed; all where nothing is said of periods.
    pub(crate) fn read(&self, shelf: &CellShelf<'_>, periods: Option<&PeriodsNeeded>) -> Result<BTreeMap<String, Stored>, JobError> {
        let cells = |(key, answered): (&String, &Answered)| match &answered.cells {
            Held::There(stored) => Ok((key.clone(), stored.clone())),
            Held::Put(kept) => {
                let years = periods.and_then(|periods| years_needed(&kept.question, periods));
                Ok((key.clone(), shelf.read(key, kept, &|year| years.as_ref().is_none_or(|years| years.contains(&year)))?))
            }
        };
        self.0.iter().map(cells).collect()
    }

    /// What a ledger says of them, all being put where they stay.
    pub(crate) fn into_kept(self, shelf: &CellShelf<'_>) -> Result<KeptCells, JobError> {
        let kept = |(key, answered): (String, Answered)| {
            let Answered { cells, first_day, changes, covered } = answered;
            let kept = match cells {
                Held::Put(kept) => kept,
                Held::There(stored) => shelf.put(&key, stored, None, &Answered { cells: (), first_day, changes, covered })?,
            };
            Ok((key, kept))
        };
        self.0.into_iter().map(kept).collect()
    }

    fn of_table(&self, table: &str) -> impl Iterator<Item = &Answered> {
        let prefix = format!("{table}.");
        self.0.iter().filter(move |(key, _)| key.starts_with(&prefix)).map(|(_, answered)| answered)
    }
}

/// The years of the periods that are needed of an answer; `None` where all are.
fn years_needed(question: &Question, periods: &PeriodsNeeded) -> Option<BTreeSet<i32>> {
    let of_grain = |grain: &String| periods.iter().find(|(needed, _)| needed.name() == grain).map(|(_, starts)| starts);
    let starts: Option<Vec<&BTreeSet<i32>>> = question.groupings.iter().map(|(grain, ..)| grain).filter(|grain| !grain.is_empty()).map(of_grain).collect();
    Some(starts?.into_iter().flatten().filter_map(|day| year_of(*day)).collect())
}

/// The answers of one table as an engine.
pub(crate) struct TableAnswers<'a> {
    /// By request.
    pub(crate) cells: &'a BTreeMap<String, Stored>,
    pub(crate) project: &'a Project,
    pub(crate) table: &'a str,
    /// The periods whose cells are given; all where there is none.
    pub(crate) periods: Option<PeriodsNeeded>,
}

impl TableAnswers<'_> {
    fn shown(&self, key: &str, question: &Question, grains: &[Option<Grain>]) -> Result<Vec<RecordBatch>, MetricsError> {
        let unasked = || MetricsError::Bridge { column: key.to_owned(), reason: "its cells were not asked for".to_owned() };
        let stored = self.cells.get(key).ok_or_else(unasked)?;
        let needed = |batches: Vec<RecordBatch>| -> Result<Vec<RecordBatch>, ArrowError> {
            let Some(needed) = &self.periods else { return Ok(batches) };
            let of = |(batch, grain): (RecordBatch, &Option<Grain>)| match grain.and_then(|grain| needed.get(&grain)) {
                Some(starts) => only(&batch, &|day| starts.contains(&day)),
                None => Ok(batch),
            };
            batches.into_iter().zip(grains).map(of).collect()
        };
        stored.answer(question).and_then(needed).map_err(|error| refused(key, &error))
    }
}

impl Engine for TableAnswers<'_> {
    fn base_cells(&self, request: &BaseRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError> {
        self.shown(&base_key(self.table, request), &base_question(self.project, request), &grains_of(request))
    }

    fn conversion_cells(&self, request: &ConversionRequest<'_>) -> Result<Vec<RecordBatch>, MetricsError> {
        self.shown(&conversion_key(self.table, request), &conversion_question(self.project, request), &grains_of(&request.base))
    }
}
