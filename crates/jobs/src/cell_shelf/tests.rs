//! Kept cells in a folder: years that were not read stay as they are, and what cannot be read is known as lost.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch};
use tempfile::TempDir;

use super::{CellShelf, lost_cells};
use crate::answers::{Answered, Changed, Held};
use crate::days::Days;
use crate::error::JobError;
use crate::ledger::{Kept, KeptCells, Ledger};
use crate::shelf::Shelf;
use crate::side_by_side::locked;
use crate::stored_cells::{NO_YEAR, Question, Stored};

/// 2023-06-01, 2024-06-01 and 2025-06-01.
const DAYS: [i32; 3] = [19_509, 19_875, 20_240];

/// Cells of one day each, as (day, value).
fn stored(cells: &[(i32, i64)]) -> Stored {
    let question = Question { model: "deals".to_owned(), groupings: vec![("day".to_owned(), Vec::new(), "h".to_owned())], measures: vec![("won".to_owned(), "a".to_owned())] };
    let days: ArrayRef = Arc::new(Date32Array::from_iter_values(cells.iter().map(|cell| cell.0)));
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(cells.iter().map(|cell| cell.1)));
    Stored { question, batches: vec![RecordBatch::try_from_iter_with_nullable([("period_start", days, true), ("won", values, true)]).unwrap()] }
}

/// What is known of an answer: the years in which it differs from what was kept, or that nothing was.
fn answered(years: Option<&[i32]>, first_day: i32) -> Answered<()> {
    let changes = years.map_or(Changed::Everywhere { day: 0 }, |years| Changed::Since { day: 0, years: years.iter().copied().collect() });
    Answered { cells: (), first_day: Some(first_day), changes, covered: vec![Days::ALL] }
}

/// Runs on one folder.
struct Runs {
    folder: TempDir,
    lost: Mutex<BTreeSet<String>>,
}

impl Runs {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap(), lost: Mutex::default() }
    }

    /// A run with a mark of its own, after one that kept some cells.
    fn run<T>(&self, mark: &str, last: &KeptCells, work: impl FnOnce(&CellShelf<'_>) -> T) -> T {
        let shelf = Shelf::at(self.folder.path().to_str().unwrap());
        work(&CellShelf { shelf: &shelf, folder: "_kept/job".to_owned(), last, gone: BTreeSet::new(), lost: &self.lost, most_in_memory: 2, mark: mark.to_owned() })
    }

    /// The cells of three years, kept.
    fn first(&self) -> KeptCells {
        let all: Vec<(i32, i64)> = DAYS.into_iter().zip(1..).collect();
        let kept = self.run("first", &KeptCells::new(), |shelf| shelf.put("t.deals", stored(&all), None, &answered(None, DAYS[0])).unwrap());
        KeptCells::from([("t.deals".to_owned(), kept)])
    }

    fn file(&self, kept: &Kept, year: i32) -> std::path::PathBuf {
        self.folder.path().join(&kept.parts[&year])
    }
}

/// By year the mark of the run that wrote its object.
fn marks(kept: &Kept) -> Vec<(i32, &str)> {
    kept.parts.iter().map(|(year, path)| (*year, path.rsplit_once('-').unwrap().1.trim_end_matches(".parquet"))).collect()
}

fn cells(stored: &Stored) -> Vec<RecordBatch> {
    stored.batches.clone()
}

#[test]
fn years_that_were_not_read_stay_and_those_that_differ_are_written() {
    let runs = Runs::new();
    let last = runs.first();
    assert_eq!(marks(&last["t.deals"]), [(2023, "first"), (2024, "first"), (2025, "first")]);
    let second = runs.run("second", &last, |shelf| {
        let read = shelf.read("t.deals", &last["t.deals"], &|year| year >= 2024).unwrap();
        assert_eq!(cells(&read), cells(&stored(&[(DAYS[1], 2), (DAYS[2], 3)])));
        shelf.put("t.deals", stored(&[(DAYS[1], 2), (DAYS[2], 30)]), Some(2024), &answered(Some(&[2025]), DAYS[0])).unwrap()
    });
    assert_eq!(marks(&second), [(2023, "first"), (2024, "first"), (2025, "second")]);
    assert_eq!(second.first_day, Some(DAYS[0]));
    let all = runs.run("third", &last, |shelf| shelf.read("t.deals", &second, &|_| true).unwrap());
    assert_eq!(cells(&all), cells(&stored(&[(DAYS[0], 1), (DAYS[1], 2), (DAYS[2], 30)])));
}

#[test]
fn a_year_without_cells_any_more_has_no_object() {
    let runs = Runs::new();
    let last = runs.first();
    let put = |mark: &str, last: &KeptCells, cells: &[(i32, i64)], from: i32, years: &[i32]| {
        runs.run(mark, last, |shelf| shelf.put("t.deals", stored(cells), Some(from), &answered(Some(years), DAYS[0])).unwrap())
    };
    let without = put("second", &last, &[(DAYS[1], 2)], 2024, &[2025]);
    assert_eq!(marks(&without), [(2023, "first"), (2024, "first")]);
    // No year that was read has a cell: the columns are kept.
    let none = put("second", &last, &[], 2025, &[2025]);
    assert_eq!(marks(&none), [(NO_YEAR, "second"), (2023, "first"), (2024, "first")]);
    let back = runs.run("third", &last, |shelf| shelf.read("t.deals", &none, &|_| true).unwrap());
    assert_eq!(cells(&back), cells(&stored(&[(DAYS[0], 1), (DAYS[1], 2)])));
    let again = put("third", &KeptCells::from([("t.deals".to_owned(), none)]), &[(DAYS[2], 4)], 2025, &[2025]);
    assert_eq!(marks(&again), [(2023, "first"), (2024, "first"), (2025, "third")]);
}

#[test]
fn an_answer_that_does_not_differ_is_what_was_kept() {
    let runs = Runs::new();
    let last = runs.first();
    let same = runs.run("second", &last, |shelf| shelf.put("t.deals", stored(&[(DAYS[2], 3)]), Some(2025), &answered(Some(&[]), DAYS[0])).unwrap());
    assert_eq!(same, last["t.deals"]);
}

#[test]
fn few_cells_of_all_years_wait_in_memory_and_others_do_not() {
    let runs = Runs::new();
    let last = runs.first();
    let held = |cells: &[(i32, i64)], from: Option<i32>| runs.run("second", &last, |shelf| shelf.hold("t.deals", stored(cells), from, answered(Some(&[2025]), DAYS[0])).unwrap());
    assert!(matches!(held(&[(DAYS[1], 2), (DAYS[2], 3)], None).cells, Held::There(_)));
    assert!(matches!(held(&[(DAYS[0], 1), (DAYS[1], 2), (DAYS[2], 3)], None).cells, Held::Put(_)));
    assert!(matches!(held(&[(DAYS[2], 3)], Some(2025)).cells, Held::Put(_)));
}

#[test]
fn without_a_wanted_year_there_are_the_columns() {
    let runs = Runs::new();
    let last = runs.first();
    let none = runs.run("second", &last, |shelf| shelf.read("t.deals", &last["t.deals"], &|_| false).unwrap());
    assert_eq!(cells(&none), cells(&stored(&[])));
}

#[test]
fn what_is_gone_or_damaged_is_lost() {
    let runs = Runs::new();
    let last = runs.first();
    let kept = &last["t.deals"];
    let read = |year: i32| runs.run("second", &last, |shelf| shelf.read("t.deals", kept, &|other| other == year).map(|stored| stored.batches[0].num_rows()));
    fs::write(runs.file(kept, 2024), "torn").unwrap();
    fs::remove_file(runs.file(kept, 2025)).unwrap();
    assert_eq!(read(2023).unwrap(), 1);
    assert!(locked(&runs.lost).is_empty());
    for year in [2024, 2025] {
        assert!(matches!(read(year), Err(JobError::Output(_))));
        assert!(locked(&runs.lost).contains(&kept.parts[&year]), "{year}");
    }
    let ledger = Ledger { cells: last.clone(), ..Ledger::default() };
    let there: BTreeSet<String> = kept.parts.values().cloned().collect();
    assert!(lost_cells(&ledger, &there).is_empty());
    assert_eq!(lost_cells(&ledger, &there.difference(&locked(&runs.lost)).cloned().collect()), BTreeSet::from(["t.deals".to_owned()]));
}
