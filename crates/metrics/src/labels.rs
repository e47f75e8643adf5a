//! Labels of dimensions as codes: all lots of the rows of a fact share one list of texts.
//!
//! In: batches with labels as text, or as places among texts that are known before, one after the other. Out: the same with dictionaries;
//! and cells of them with text again.
//! Millions of rows have a few thousand labels.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, RecordBatchOptions, StringArray, UInt32Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, UInt32Type};
use arrow::error::ArrowError;
use indexmap::IndexSet;
use rayon::prelude::*;

use crate::cube::{CubeError, distinct_values};
use crate::engine::NONE;

/// The labels of some columns, as they gather.
#[derive(Debug)]
pub(crate) struct Labels {
    /// Each column with its texts, each once.
    columns: Vec<(String, IndexSet<String>)>,
}

impl Labels {
    /// The labels of these columns: those that come as places have their texts, each once, and the others none yet.
    pub(crate) fn new<'t>(columns: &[String], texts: impl Iterator<Item = &'t (String, Vec<String>)>) -> Self {
        let mut known: BTreeMap<&String, &Vec<String>> = texts.map(|(name, texts)| (name, texts)).collect();
        let mut labels = |name: &String| known.remove(name).into_iter().flatten().cloned().collect();
        Self { columns: columns.iter().map(|name| (name.clone(), labels(name))).collect() }
    }

    /// A batch with the places of its labels instead of them.
    ///
    /// Errors: a column that is not there, or no text.
    pub(crate) fn placed(&mut self, batch: &RecordBatch) -> Result<RecordBatch, CubeError> {
        let placed: Vec<Result<(usize, ArrayRef), CubeError>> = self.columns.par_iter_mut().map(|(name, texts)| places(batch, name, texts)).collect();
        let mut columns = batch.columns().to_vec();
        for column in placed {
            let (at, places) = column?;
            columns[at] = places;
        }
        with_columns(batch, columns).map_err(fault)
    }

    /// What puts texts in the place of places.
    pub(crate) fn into_texts(self) -> LabelTexts {
        LabelTexts(self.columns.into_iter().map(|(name, texts)| (name, Arc::new(StringArray::from_iter_values(texts)) as ArrayRef)).collect())
    }
}

/// The texts of labels by their places, column by column.
#[derive(Debug)]
pub(crate) struct LabelTexts(Vec<(String, ArrayRef)>);

impl LabelTexts {
    /// A batch with dictionaries instead of places, in those of the columns that it has.
    pub(crate) fn coded(&self, batch: &RecordBatch) -> Result<RecordBatch, CubeError> {
        let mut columns = batch.columns().to_vec();
        for (name, texts) in &self.0 {
            let Ok(at) = batch.schema_ref().index_of(name) else { continue };
            let coded = DictionaryArray::<UInt32Type>::try_new(columns[at].as_primitive::<UInt32Type>().clone(), Arc::clone(texts));
            columns[at] = Arc::new(coded.map_err(fault)?);
        }
        with_columns(batch, columns).map_err(fault)
    }
}

/// Where a column stands, and the places of its values among texts, which are added where they are new.
fn places(batch: &RecordBatch, name: &str, texts: &mut IndexSet<String>) -> Result<(usize, ArrayRef), CubeError> {
    let at = batch.schema_ref().index_of(name).map_err(fault)?;
    let column = batch.column(at);
    if let Some(places) = column.as_primitive_opt::<UInt32Type>() {
        return Ok((at, placed(places, texts)));
    }
    let (codes, first_rows) = distinct_values(batch.schema_ref().field(at), column)?;
    let known = cast(column, &DataType::Utf8View).map_err(fault)?;
    let known = known.as_string_view();
    let mut place = |row: usize| {
        let text = known.value(row);
        u32::try_from(texts.get_index_of(text).unwrap_or_else(|| texts.insert_full(text.to_owned()).0)).unwrap_or(u32::MAX)
    };
    let places: Vec<u32> = first_rows.into_iter().map(&mut place).collect();
    // A code without a value is that of null.
    let of_row = |code: u32| usize::try_from(code).ok().and_then(|code| places.get(code)).copied();
    Ok((at, Arc::new(codes.into_iter().map(of_row).collect::<UInt32Array>())))
}

/// Places, in which one without a text has that of no label.
fn placed(places: &UInt32Array, texts: &mut IndexSet<String>) -> ArrayRef {
    if places.null_count() == 0 {
        return Arc::new(places.clone());
    }
    let none = u32::try_from(texts.insert_full(NONE.to_owned()).0).unwrap_or(u32::MAX);
    Arc::new(places.iter().map(|place| place.unwrap_or(none)).collect::<UInt32Array>())
}

/// Cells whose labels are no codes any more.
pub(crate) fn as_text(cells: &RecordBatch) -> Result<RecordBatch, CubeError> {
    let text = |column: &ArrayRef| if matches!(column.data_type(), DataType::Dictionary(_, _)) { cast(column, &DataType::Utf8View) } else { Ok(Arc::clone(column)) };
    let columns = cells.columns().iter().map(text).collect::<Result<Vec<_>, _>>();
    columns.and_then(|columns| with_columns(cells, columns)).map_err(fault)
}

/// A batch with other columns of the same names.
fn with_columns(batch: &RecordBatch, columns: Vec<ArrayRef>) -> Result<RecordBatch, ArrowError> {
    let fields: Vec<Field> = batch.schema_ref().fields().iter().zip(&columns).map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone())).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
}

fn fault(source: ArrowError) -> CubeError {
    CubeError::Arrow { doing: "coding labels".to_owned(), source }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringViewArray};

    use super::*;

    fn batch(teams: Vec<Option<&str>>) -> RecordBatch {
        let deals: ArrayRef = Arc::new(Int64Array::from_iter_values((0..).take(teams.len())));
        let teams: ArrayRef = Arc::new(StringViewArray::from(teams));
        RecordBatch::try_from_iter_with_nullable([("deals", deals, true), ("team", teams, true)]).unwrap()
    }

    #[test]
    fn lots_share_their_labels() {
        let mut labels = Labels::new(&["team".to_owned()], [].iter());
        let lots = [vec![Some("north"), Some("a label longer than a view"), Some("north")], vec![], vec![None, Some("south"), Some("north")]];
        let placed: Vec<RecordBatch> = lots.into_iter().map(|lot| labels.placed(&batch(lot)).unwrap()).collect();
        let texts = labels.into_texts();
        let coded: Vec<RecordBatch> = placed.iter().map(|lot| texts.coded(lot).unwrap()).collect();
        let other = texts.coded(&placed[0].project(&[0]).unwrap()).unwrap();
        assert_eq!(other.num_columns(), 1);
        let texts = |batch: &RecordBatch| -> Vec<Option<String>> {
            let texts = cast(batch.column(1), &DataType::Utf8).unwrap();
            texts.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
        };
        assert_eq!(texts(&coded[0]), [Some("north".to_owned()), Some("a label longer than a view".to_owned()), Some("north".to_owned())]);
        assert_eq!(texts(&coded[2]), [None, Some("south".to_owned()), Some("north".to_owned())]);
        let values: Vec<&ArrayRef> = coded.iter().map(|batch| batch.column(1).as_dictionary::<UInt32Type>().values()).collect();
        assert!(values.iter().all(|other| Arc::ptr_eq(values[0], other)) && values[0].len() == 3);
        assert_eq!(coded[2].column(0).len(), 3);
    }

    #[test]
    fn places_of_known_texts_stay() {
        let mut labels = Labels::new(&["deals".to_owned(), "team".to_owned()], [("team".to_owned(), vec!["south".to_owned(), "north".to_owned()])].iter());
        let lot = |places: Vec<Option<u32>>| {
            let deals: ArrayRef = Arc::new(StringViewArray::from(vec!["x"; places.len()]));
            RecordBatch::try_from_iter_with_nullable([("deals", deals, true), ("team", Arc::new(UInt32Array::from(places)) as ArrayRef, true)]).unwrap()
        };
        let placed: Vec<RecordBatch> = [vec![Some(1), Some(0)], vec![None, Some(1)]].into_iter().map(|places| labels.placed(&lot(places)).unwrap()).collect();
        let texts = labels.into_texts();
        let coded = placed.iter().map(|lot| as_text(&texts.coded(lot).unwrap()).unwrap());
        let found: Vec<Vec<String>> = coded.map(|lot| lot.column(1).as_string_view().iter().flatten().map(str::to_owned).collect()).collect();
        assert_eq!(found, [["north", "south"], ["(none)", "north"]]);
    }

    #[test]
    fn other_columns_are_refused() {
        assert!(Labels::new(&["rep".to_owned()], [].iter()).placed(&batch(vec![None])).is_err());
    }
}
