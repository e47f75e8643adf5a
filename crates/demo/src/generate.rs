//! The whole lake: one task per file, in parallel, each independent of the others.
//!
//! Large tables are split by month of their event (UTC) in folders `month=2024-01`; the others are one file each.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::calendar::Month;
use crate::error::DemoError;
use crate::request::DemoRequest;
use crate::world::World;
use crate::writer::{Record, Sink, Written};
use crate::{activities, customers, deals, expenses, feedback, fx_rates, holidays, leads, orders, products, reps, stages, subscriptions, targets, temperatures};

const FILE: &str = "part-0000.parquet";

/// A table that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoTable {
    /// Its name, which is that of its folder.
    pub name: String,
    /// Rows in all files.
    pub rows: u64,
    /// Files.
    pub files: u32,
    /// Size of all files.
    pub bytes: u64,
}

/// Writes the lake of a request, and says what is in it: one entry per table, large tables first.
///
/// The folder is made if it is not there; folders of tables must not be.
/// The same request gives the same bytes, whatever the number of threads of the rayon pool that this runs in.
///
/// # Errors
/// [`DemoError`]: a scale or range that cannot be, a table that is there already, a disk that refuses.
/// Files that were finished before a failure stay.
pub fn generate(request: &DemoRequest) -> Result<Vec<DemoTable>, DemoError> {
    let frame = request.frame()?;
    for table in Table::ALL {
        let path = request.directory.join(table.name());
        if path.exists() {
            return Err(DemoError::Occupied { path });
        }
    }
    let world = World::build(frame);
    let tasks: Vec<Task> = Table::ALL.into_iter().flat_map(|table| table.tasks(&frame.months())).collect();
    let written = tasks.par_iter().map(|task| task.write(&world, &request.directory)).collect::<Result<Vec<Written>, DemoError>>()?;
    let of = |table: Table| tasks.iter().zip(&written).filter(move |(task, _)| task.table == table);
    Ok(Table::ALL
        .into_iter()
        .map(|table| DemoTable {
            name: table.name().to_owned(),
            rows: of(table).map(|(_, file)| file.rows).sum(),
            files: of(table).map(|_| 1_u32).sum(),
            bytes: of(table).map(|(_, file)| file.bytes).sum(),
        })
        .collect())
}

/// The tables of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Table {
    Whole(Whole),
    Monthly(Monthly),
}

/// Tables of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whole {
    LeadTemperatures,
    Subscriptions,
    Expenses,
    Customers,
    Reps,
    Products,
    Targets,
    Feedback,
    FxRates,
    Holidays,
}

/// Tables of a file a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Monthly {
    OrderLines,
    Activities,
    StageChanges,
    Opportunities,
    Leads,
}

impl Table {
    /// The longest tasks first, so that no thread is left with one at the end.
    const ALL: [Self; 15] = [
        Self::Monthly(Monthly::OrderLines),
        Self::Monthly(Monthly::Activities),
        Self::Monthly(Monthly::StageChanges),
        Self::Monthly(Monthly::Opportunities),
        Self::Whole(Whole::LeadTemperatures),
        Self::Whole(Whole::Subscriptions),
        Self::Whole(Whole::Feedback),
        Self::Whole(Whole::Customers),
        Self::Monthly(Monthly::Leads),
        Self::Whole(Whole::Expenses),
        Self::Whole(Whole::Targets),
        Self::Whole(Whole::FxRates),
        Self::Whole(Whole::Reps),
        Self::Whole(Whole::Holidays),
        Self::Whole(Whole::Products),
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Monthly(Monthly::OrderLines) => orders::Line::TABLE,
            Self::Monthly(Monthly::Activities) => activities::Activity::TABLE,
            Self::Monthly(Monthly::StageChanges) => stages::StageChange::TABLE,
            Self::Monthly(Monthly::Opportunities) => deals::Deal::TABLE,
            Self::Monthly(Monthly::Leads) => leads::Lead::TABLE,
            Self::Whole(Whole::LeadTemperatures) => temperatures::Change::TABLE,
            Self::Whole(Whole::Subscriptions) => subscriptions::Service::TABLE,
            Self::Whole(Whole::Expenses) => expenses::Expense::TABLE,
            Self::Whole(Whole::Customers) => customers::Profile::TABLE,
            Self::Whole(Whole::Reps) => reps::RepVersion::TABLE,
            Self::Whole(Whole::Products) => <&crate::catalogue::Product>::TABLE,
            Self::Whole(Whole::Targets) => targets::Target::TABLE,
            Self::Whole(Whole::Feedback) => feedback::Answer::TABLE,
            Self::Whole(Whole::FxRates) => fx_rates::FxRate::TABLE,
            Self::Whole(Whole::Holidays) => holidays::Holiday::TABLE,
        }
    }

    fn tasks(self, months: &[Month]) -> Vec<Task> {
        let folder = PathBuf::from(self.name());
        match self {
            Self::Whole(table) => vec![Task { table: self, part: Part::Whole(table), folder }],
            Self::Monthly(table) => {
                months.iter().map(|&month| Task { table: self, part: Part::Month(table, month), folder: folder.join(format!("month={}", month.label())) }).collect()
            }
        }
    }
}

/// A file to write.
struct Task {
    table: Table,
    part: Part,
    /// Below the folder of the lake.
    folder: PathBuf,
}

#[derive(Clone, Copy)]
enum Part {
    Whole(Whole),
    Month(Monthly, Month),
}

impl Task {
    fn write(&self, world: &World, directory: &Path) -> Result<Written, DemoError> {
        let folder = directory.join(&self.folder);
        std::fs::create_dir_all(&folder).map_err(|source| DemoError::Folder { path: folder.clone(), source })?;
        let path = folder.join(FILE);
        match self.part {
            Part::Month(table, month) => table.write(world, month, &path),
            Part::Whole(table) => table.write(world, &path),
        }
    }
}

impl Monthly {
    fn write(self, world: &World, month: Month, path: &Path) -> Result<Written, DemoError> {
        match self {
            Self::OrderLines => file(path, |sink| orders::fill(world, month, sink)),
            Self::Activities => file(path, |sink| activities::fill(world, month, sink)),
            Self::StageChanges => file(path, |sink| stages::fill(world, month, sink)),
            Self::Opportunities => file(path, |sink| deals::fill(world, month, sink)),
            Self::Leads => file(path, |sink| leads::fill(&world.company, month, sink)),
        }
    }
}

impl Whole {
    fn write(self, world: &World, path: &Path) -> Result<Written, DemoError> {
        let company = &world.company;
        match self {
            Self::LeadTemperatures => file(path, |sink| temperatures::fill(company, sink)),
            Self::Subscriptions => file(path, |sink| subscriptions::fill(world, sink)),
            Self::Expenses => file(path, |sink| expenses::fill(company, sink)),
            Self::Customers => file(path, |sink| customers::fill(world, sink)),
            Self::Reps => file(path, |sink| reps::fill(company, sink)),
            Self::Products => file(path, products::fill),
            Self::Targets => file(path, |sink| targets::fill(company, sink)),
            Self::Feedback => file(path, |sink| feedback::fill(world, sink)),
            Self::FxRates => file(path, |sink| fx_rates::fill(company, sink)),
            Self::Holidays => file(path, |sink| holidays::fill(company, sink)),
        }
    }
}

fn file<T: Record>(path: &Path, fill: impl FnOnce(&mut Sink<T>) -> Result<(), DemoError>) -> Result<Written, DemoError> {
    let mut sink = Sink::create(path)?;
    fill(&mut sink)?;
    sink.finish()
}
