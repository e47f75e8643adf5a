//! The tables of a job, derived from the base cells of a run: of each the rows of the periods from which on it may differ.
//!
//! In: an engine that has answered every request. Out: rows for the publication, the gathered rows of `kpi_values`, the headline.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use quotient_metrics::{LateCells, cells, periods_needed};
use quotient_model::JobTable;
use quotient_report::{EndingAfter, Replace, Step};

use crate::availability::Unavailable;
use crate::error::JobError;
use crate::headline::Headline;
use crate::incremental_engine::IncrementalEngine;
use crate::progress::Laps;
use crate::publish::Publication;
use crate::results::{Shown, asked_keys, table};
use crate::run::request_of;
use crate::since::Since;
use crate::values::{TableCells, Values};
use crate::workspace::Workspace;

/// What tables are derived with.
pub(crate) struct Deriving<'r, 'w> {
    pub(crate) workspace: &'w Workspace,
    pub(crate) engine: &'r IncrementalEngine<'w>,
    pub(crate) since: &'r Since,
    /// Metrics whose values are withheld.
    pub(crate) lacking: &'r [Unavailable],
    pub(crate) laps: &'r Laps<'r>,
}

/// What was derived beside the tables.
pub(crate) struct Derived<'a> {
    /// The rows of `kpi_values`.
    pub(crate) values: Values,
    /// The last complete month.
    pub(crate) headline: Headline<'a>,
    /// By metric the day after which the periods end whose rows in `kpi_values` are written anew.
    pub(crate) of_metrics: BTreeMap<String, i32>,
    /// The first day of the first period that has a cell.
    pub(crate) first_day: NaiveDate,
}

impl<'w> Deriving<'_, 'w> {
    /// Derives tables, and adds them to a publication.
    pub(crate) fn derive(&self, tables: &[&JobTable], publication: &mut Publication<'_>) -> Result<Derived<'w>, JobError> {
        let workspace = self.workspace;
        let today = workspace.project.calendar.last_day_before(workspace.as_of);
        let tomorrow = today.succ_opt().unwrap_or(today);
        let first_day = self.engine.first_day().map_or(tomorrow, |first| first.min(tomorrow));
        let tables: Vec<(&JobTable, i32)> = tables.iter().map(|table| (*table, self.since.of_table(&table.name, self.engine.since(&table.name)))).collect();
        let of_metrics = self.since_of_metrics(&tables);
        let (mut values, mut headline) = (Values::default(), Headline::new(&workspace.project, workspace.as_of));
        for (wanted, since) in tables {
            // Cells under conditions are in their own table alone: elsewhere nothing would tell them from those of all rows.
            let of_values: BTreeMap<&String, i32> =
                wanted.metrics.iter().filter(|_| wanted.filters.is_empty()).filter_map(|metric| Some((metric, *of_metrics.get(metric)?))).collect();
            let after = of_values.values().copied().fold(since, i32::min);
            let late = LateCells {
                metrics: &wanted.metrics,
                grains: &wanted.grains,
                after: NaiveDate::from_epoch_days(after.min(tomorrow.to_epoch_days())).unwrap_or(NaiveDate::MIN),
                beside: &headline.periods(),
                history: (first_day, tomorrow),
            };
            let periods = if after == i32::MIN { None } else { periods_needed(&workspace.project, &late).map_err(JobError::Metrics)? };
            self.engine.begin(&wanted.name, periods);
            let mut found = cells(self.engine, &workspace.project, &request_of(wanted), today).map_err(JobError::Metrics)?;
            for lack in self.lacking {
                found.withhold(&lack.metric);
            }
            let shown = Shown { after: since, covered: self.engine.covered(&wanted.name), tomorrow: tomorrow.to_epoch_days() };
            let keys = asked_keys(wanted, &found);
            let rows = table(workspace, wanted, &found, &shown.of(&workspace.project.calendar, &found, &keys))?;
            publication.add(&wanted.name, rows, replacing(since));
            if wanted.filters.is_empty() {
                let shown = of_values.into_iter().map(|(metric, after)| (metric.clone(), Shown { after, ..shown.clone() })).collect();
                values.add(&workspace.project, &TableCells { cells: &found, keys: &keys, shown: &shown }, workspace.as_of);
                headline.add(&found);
            }
            self.laps.done(Step::Derive, Some(&wanted.name));
        }
        Ok(Derived { values, headline, of_metrics, first_day })
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
