//! The tables of a job, derived from the base cells of a run: of each the rows of the periods from which on it may differ.
//!
//! In: the answers to every request. Out: rows for the publication, the gathered rows of `kpi_values`, the headline, what is kept of the answers.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use chrono::NaiveDate;
use quotient_metrics::{LateCells, cells, periods_needed};
use quotient_model::JobTable;
use quotient_report::{EndingAfter, Replace, Step};

use crate::answers::{Answers, TableAnswers};
use crate::availability::Unavailable;
use crate::cell_shelf::CellShelf;
use crate::error::JobError;
use crate::headline::Headline;
use crate::ledger::KeptCells;
use crate::progress::Laps;
use crate::publish::Publication;
use crate::results::{Shown, asked_keys, table};
use crate::run::request_of;
use crate::side_by_side::side_by_side;
use crate::since::Since;
use crate::values::{AllValues, TableCells, Values};
use crate::workspace::Workspace;

/// What tables are derived with.
pub(crate) struct Deriving<'r, 'w> {
    pub(crate) workspace: &'w Workspace,
    pub(crate) since: &'r Since,
    /// Where answers lie, and those stay from which a table was derived.
    pub(crate) cells: &'r CellShelf<'r>,
    /// Metrics whose values are withheld.
    pub(crate) lacking: &'r [Unavailable],
    pub(crate) laps: &'r Laps<'r>,
}

/// The days that all tables are derived by.
struct Range {
    /// The first day of the first period that has a cell.
    first: NaiveDate,
    /// The local day of as-of, and the day after it.
    today: NaiveDate,
    tomorrow: NaiveDate,
}

/// One table, derived.
struct DerivedTable<'a> {
    rows: RecordBatch,
    values: Values,
    headline: Headline<'a>,
}

/// What was derived beside the tables.
pub(crate) struct Derived<'a> {
    /// The rows of `kpi_values`.
    pub(crate) values: AllValues,
    /// The last complete month.
    pub(crate) headline: Headline<'a>,
    /// By metric the day after which the periods end whose rows in `kpi_values` are written anew.
    pub(crate) of_metrics: BTreeMap<String, i32>,
    /// The first day of the first period that has a cell.
    pub(crate) first_day: NaiveDate,
    /// What the next ledger says of kept cells.
    pub(crate) cells: KeptCells,
}

impl<'w> Deriving<'_, 'w> {
    /// Derives tables, and adds them to a publication; the answers of each are let go of when it is derived.
    pub(crate) fn derive(&self, tables: &[&JobTable], mut answers: Answers, publication: &mut Publication<'_>) -> Result<Derived<'w>, JobError> {
        let workspace = self.workspace;
        let today = workspace.project.calendar.last_day_before(workspace.as_of);
        let tomorrow = today.succ_opt().unwrap_or(today);
        let first = answers.first_day().map_or(tomorrow, |first| first.min(tomorrow));
        let range = Range { first, today, tomorrow };
        let tables: Vec<(&JobTable, i32)> = tables.iter().map(|table| (*table, self.since.of_table(&table.name, answers.since(&table.name)))).collect();
        let of_metrics = self.since_of_metrics(&tables);
        let pieces: Vec<_> = tables.iter().map(|(wanted, since)| (*wanted, *since, answers.take(&wanted.name))).collect();
        let derived = side_by_side(pieces, rayon::current_num_threads().max(1), |_, (wanted, since, answers)| {
            let derived = self.table(wanted, since, &answers, (&of_metrics, &range))?;
            Ok((derived, answers.into_kept(self.cells)?))
        });
        let (mut values, mut headline, mut cells) = (Vec::with_capacity(tables.len()), Headline::new(&workspace.project, workspace.as_of), KeptCells::new());
        for ((wanted, since), derived) in tables.iter().zip(derived) {
            let (derived, kept): (DerivedTable<'w>, KeptCells) = derived?;
            publication.add(&wanted.name, derived.rows, replacing(*since));
            headline.add_all(derived.headline);
            values.push(derived.values);
            cells.extend(kept);
        }
        Ok(Derived { values: AllValues::of_tables(values), headline, of_metrics, first_day: range.first, cells })
    }

    /// One table: its rows are those of periods that end after a day.
    fn table(&self, wanted: &JobTable, since: i32, answers: &Answers, (of_metrics, range): (&BTreeMap<String, i32>, &Range)) -> Result<DerivedTable<'w>, JobError> {
        let project = &self.workspace.project;
        let (mut values, mut headline) = (Values::default(), Headline::new(project, self.workspace.as_of));
        // Cells under conditions are in their own table alone: elsewhere nothing would tell them from those of all rows.
        let of_values: BTreeMap<&String, i32> = wanted.metrics.iter().filter(|_| wanted.filters.is_empty()).filter_map(|metric| Some((metric, *of_metrics.get(metric)?))).collect();
        let after = of_values.values().copied().fold(since, i32::min);
        let late = LateCells {
            metrics: &wanted.metrics,
            grains: &wanted.grains,
            after: NaiveDate::from_epoch_days(after.min(range.tomorrow.to_epoch_days())).unwrap_or(NaiveDate::MIN),
            beside: &headline.periods(),
            history: (range.first, range.tomorrow),
        };
        let periods = if after == i32::MIN { None } else { periods_needed(project, &late).map_err(JobError::Metrics)? };
        let mut found = {
            let there = answers.read(self.cells, periods.as_ref())?;
            let engine = TableAnswers { cells: &there, project, table: &wanted.name, periods };
            cells(&engine, project, &request_of(wanted), range.today).map_err(JobError::Metrics)?
        };
        for lack in self.lacking {
            found.withhold(&lack.metric);
        }
        let shown = Shown { after: since, covered: answers.covered(&wanted.name), tomorrow: range.tomorrow.to_epoch_days() };
        let keys = asked_keys(wanted, &found);
        let rows = table(self.workspace, wanted, &found, &shown.of(&project.calendar, &found, &keys))?;
        if wanted.filters.is_empty() {
            let shown = of_values.into_iter().map(|(metric, after)| (metric.clone(), Shown { after, ..shown.clone() })).collect();
            values.add(project, &TableCells { cells: &found, keys: &keys, shown: &shown }, self.workspace.as_of);
            headline.add(&found);
        }
        self.laps.done(Step::Derive, Some(&wanted.name));
        Ok(DerivedTable { rows, values, headline })
    }

    /// By metric the day after which the periods end whose rows in `kpi_values` are written anew: of tables with the days of their own.
    fn since_of_metrics(&self, tables: &[(&JobTable, i32)]) -> BTreeMap<String, i32> {
        let project = &self.workspace.project;
        let mut days: BTreeMap<String, i32> = BTreeMap::new();
        for (table, day) in tables.iter().filter(|(table, _)| table.filters.is_empty()) {
            for metric in &table.metrics {
                days.entry(metric.clone()).and_modify(|known| *known = (*known).min(*day)).or_insert(*day);
            }
        }
        for (name, day) in &mut days {
            let maturity = project.metrics.get(name).and_then(|metric| project.mature_after(metric)).unwrap_or(0);
            *day = self.since.of_metric(*day, maturity);
        }
        days
    }
}

/// The rows that rows of periods that end after a day take the place of.
fn replacing(since: i32) -> Replace {
    if since == i32::MIN { Replace::All } else { Replace::EndingAfter(EndingAfter { day: since, ..EndingAfter::default() }) }
}
