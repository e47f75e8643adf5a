//! `vacuum`: takes away the data files of old versions of result tables, and kept cells and rows that no ledger refers to.

use std::collections::BTreeSet;

use arrow::array::AsArray;
use chrono::{DateTime, Utc};
use quotient_model::{Job, RESERVED_TABLES};
use serde::Serialize;

use crate::error::JobError;
use crate::ledger::{LEDGER, Ledger};
use crate::shelf::Shelf;
use crate::workspace::Workspace;

/// What a vacuum took from one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VacuumedTable {
    /// The table; `_kept` for kept cells.
    pub name: String,
    /// Objects that went.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

impl Workspace {
    /// Takes away what no version of the results since an instant has.
    ///
    /// # Errors
    /// Results that cannot be read, listed or deleted from.
    pub fn vacuum(&self, job: &Job, before: DateTime<Utc>) -> Result<Vec<VacuumedTable>, JobError> {
        let shelf = Shelf::open(self, job)?;
        let mut done = Vec::new();
        for name in job.tables.iter().map(|table| table.name.as_str()).chain(RESERVED_TABLES) {
            let gone = shelf.vacuum(name, before)?;
            done.push(VacuumedTable { name: name.to_owned(), files: gone.files, bytes: gone.bytes });
        }
        // Every job of the folder may refer to kept cells.
        let ledgers = shelf.read(LEDGER)?;
        let jobs: BTreeSet<String> = ledgers.iter().filter_map(|rows| rows.column_by_name("job")?.as_string_opt::<i32>()).flatten().flatten().map(str::to_owned).collect();
        let needed = ledgers.iter().flat_map(|rows| jobs.iter().map(|job| Ledger::read(rows, job))).flat_map(|ledger| referred(&ledger)).collect();
        let gone = shelf.vacuum_kept(&needed, before)?;
        done.push(VacuumedTable { name: quotient_report::KEPT.to_owned(), files: gone.files, bytes: gone.bytes });
        Ok(done)
    }
}

/// The paths that a ledger refers to.
fn referred(ledger: &Ledger) -> Vec<String> {
    ledger.paths().cloned().collect()
}
