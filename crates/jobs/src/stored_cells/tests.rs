//! Kept cells come back as they were, and take fresh periods in.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};

use super::{Question, Stored};

/// 2024-12-31 and 2025-01-01.
const LAST: i32 = 20_088;
const FIRST: i32 = 20_089;

fn question() -> Question {
    let total = ("day".to_owned(), Vec::new(), "h".to_owned());
    let by_team = ("day".to_owned(), vec!["rep__team".to_owned()], "h".to_owned());
    Question { model: "deals".to_owned(), groupings: vec![total, by_team], measures: vec![("won".to_owned(), "a".to_owned()), ("lost".to_owned(), "b".to_owned())] }
}

fn total(rows: &[(i32, i64)]) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("period_start", Arc::new(Date32Array::from_iter_values(rows.iter().map(|r| r.0)))),
        ("won", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.1)))),
        ("lost", Arc::new(Int64Array::from(vec![None; rows.len()]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn by_team(rows: &[(i32, &str, i64)]) -> RecordBatch {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("period_start", Arc::new(Date32Array::from_iter_values(rows.iter().map(|r| r.0)))),
        ("rep__team", Arc::new(StringArray::from_iter_values(rows.iter().map(|r| r.1)))),
        ("won", Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.2)))),
        ("lost", Arc::new(Int64Array::from(vec![None; rows.len()]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn stored() -> Stored {
    Stored { question: question(), batches: vec![total(&[(LAST, 1), (FIRST, 2)]), by_team(&[(LAST, "영업", 1), (FIRST, "a", 2)])] }
}

#[test]
fn parts_of_years_come_back_as_they_were() {
    let parts = stored().parts().unwrap();
    assert_eq!(parts.keys().copied().collect::<Vec<_>>(), [2024, 2025]);
    let back = Stored::of_parts(question(), &parts.into_values().collect::<Vec<_>>()).unwrap();
    assert_eq!(back.batches, stored().batches);
}

#[test]
fn an_answer_without_a_cell_is_kept_too() {
    let empty = Stored { batches: vec![total(&[]), by_team(&[])], ..stored() };
    let parts: Vec<RecordBatch> = empty.parts().unwrap().into_values().collect();
    assert_eq!(Stored::of_parts(question(), &parts).unwrap().batches, empty.batches);
    assert!(Stored::of_parts(question(), &[]).is_err());
}

#[test]
fn a_narrower_question_is_answered_from_a_wider_one() {
    let narrow = Question { groupings: question().groupings[1..].to_vec(), measures: question().measures[1..].to_vec(), ..question() };
    assert!(question().covers(&narrow));
    assert!(!narrow.covers(&question()));
    let answer = stored().answer(&narrow).unwrap();
    assert_eq!(answer.len(), 1);
    assert_eq!(answer[0].schema().fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>(), ["period_start", "rep__team", "lost"]);
}

#[test]
fn another_definition_is_another_question() {
    let mut changed = question();
    changed.measures[0].1 = "c".to_owned();
    assert!(!question().covers(&changed));
}

#[test]
fn fresh_periods_take_the_place_of_old_ones_and_no_others() {
    let fresh = [total(&[(LAST, 9), (FIRST, 3)]), by_team(&[(LAST, "x", 9)])];
    let merged = stored().merged(&fresh, &|_, day| day == FIRST).unwrap();
    assert_eq!(merged.batches, [total(&[(LAST, 1), (FIRST, 3)]), by_team(&[(LAST, "영업", 1)])]);
}

#[test]
fn an_earlier_period_that_is_computed_anew_stands_before_later_ones() {
    let fresh = [total(&[(LAST, 9)]), by_team(&[(LAST, "x", 9), (LAST, "y", 8)])];
    let merged = stored().merged(&fresh, &|_, day| day == LAST).unwrap();
    assert_eq!(merged.batches, [total(&[(LAST, 9), (FIRST, 2)]), by_team(&[(LAST, "x", 9), (LAST, "y", 8), (FIRST, "a", 2)])]);
}

#[test]
fn an_answer_differs_from_the_first_row_on_that_is_another_one() {
    let differences = |batches: Vec<RecordBatch>| Stored { batches, ..stored() }.first_differences(&stored()).unwrap();
    assert_eq!(differences(stored().batches), [None, None]);
    assert_eq!(differences(vec![total(&[(LAST, 1), (FIRST, 3)]), by_team(&[(LAST, "x", 1), (FIRST, "a", 2)])]), [Some(FIRST), Some(LAST)]);
    // A row that comes, and one that goes.
    assert_eq!(differences(vec![total(&[(LAST - 1, 7), (LAST, 1), (FIRST, 2)]), by_team(&[(LAST, "영업", 1)])]), [Some(LAST - 1), Some(FIRST)]);
    assert_eq!(stored().years_from(0, LAST), BTreeSet::from([2024, 2025]));
    assert_eq!(stored().years_from(0, FIRST), BTreeSet::from([2025]));
}
