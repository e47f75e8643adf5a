//! From which periods on a table of the results may differ, and why.
//!
//! In: the ledger, the work of a table, tables that are not as they were left. Out: a day; rows of periods that end after it are written anew.

use std::collections::BTreeSet;

use quotient_model::Job;
use quotient_report::Written;

use crate::error::JobError;
use crate::ledger::Ledger;
use crate::shelf::Shelf;
use crate::touched::Reason;
use crate::work::TableWork;
use crate::workspace::Workspace;

/// From which periods on rows may differ: those that end after a day.
pub(crate) struct Since {
    /// The last day that had begun at the last run; `None` where everything may differ.
    before: Option<i32>,
    /// Whether now is another time.
    moved: bool,
    /// Tables that are not as the last run left them.
    strange: BTreeSet<String>,
}

impl Since {
    pub(crate) fn new(workspace: &Workspace, ledger: &Ledger, job_hash: &str) -> Self {
        let calendar = &workspace.project.calendar;
        let day = |instant| calendar.last_day_before(instant).to_epoch_days();
        let before = ledger.instant().filter(|before| !ledger.claimed && ledger.job_hash == job_hash && *before <= workspace.as_of);
        Self { before: before.map(day), moved: before.is_some_and(|before| before != workspace.as_of), strange: BTreeSet::new() }
    }

    /// The same with every row of some tables.
    pub(crate) fn but_for(self, strange: BTreeSet<String>) -> Self {
        Self { strange, ..self }
    }

    /// Why a table is written: why its cells are computed, or what else changes its rows.
    pub(crate) fn reasons(&self, table: &str, work: &TableWork) -> BTreeSet<Reason> {
        let mut reasons = work.reasons(&|_| true);
        if self.strange.contains(table) {
            reasons.insert(Reason::ChangedTable);
        }
        if reasons.is_empty() {
            match self.of_table(table, work.first_day()) {
                i32::MAX => {}
                i32::MIN => drop(reasons.insert(Reason::ChangedDefinition)),
                _ => drop(reasons.insert(Reason::AsOfMoved)),
            }
        }
        reasons
    }

    /// Of a table: the first day from which its cells differ, and the periods that ran at the last run where now is another time.
    pub(crate) fn of_table(&self, table: &str, first: i32) -> i32 {
        let Some(before) = self.before.filter(|_| !self.strange.contains(table)) else { return i32::MIN };
        if self.moved { first.min(before) } else { first }
    }

    /// Of a metric in `kpi_values`: the first of its tables, and periods that were to become final since.
    pub(crate) fn of_metric(&self, first: i32, maturity: u32) -> i32 {
        let Some(before) = self.before.filter(|_| !self.strange.contains("kpi_values")) else { return i32::MIN };
        if self.moved { first.min(before.saturating_sub(i32::try_from(maturity).unwrap_or(i32::MAX))) } else { first }
    }
}

/// Tables that are not as the last run left them: gone, taken back to an earlier version, or written by somebody else.
///
/// Other jobs may have written tables that jobs share, later: those count only where they are gone or taken back.
pub(crate) fn strange_tables(job: &Job, ledger: &Ledger, shelf: &Shelf) -> Result<BTreeSet<String>, JobError> {
    let versions = shelf.versions(ledger.tables.iter().map(|table| table.name.clone()).collect())?;
    let is_own = |name: &str| job.tables.iter().any(|table| table.name == name);
    let is_strange = |table: &&Written| match versions.get(&table.name) {
        None => true,
        Some(version) if is_own(&table.name) => *version != table.version,
        Some(version) => *version < table.version,
    };
    Ok(ledger.tables.iter().filter(is_strange).map(|table| table.name.clone()).collect())
}
