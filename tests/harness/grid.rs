//! Answers as rows of cells, and how two of them differ.
//!
//! In: a record batch, rows of a case file, or a CSV. Out: differences by row and column, in words.

use std::collections::BTreeMap;
use std::fmt;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use quotient_model::Node;

use crate::cell::Cell;

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows, a cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// Two answers to one question.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// What it should be; its columns are compared, no others.
    pub wanted: &'a Grid,
    /// What it is.
    pub found: &'a Grid,
    /// The columns that name a row.
    pub keys: &'a [String],
    /// What floats may differ by, relative.
    pub tolerance: f64,
}

/// Where two answers differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The row: key columns and their values.
    pub row: Vec<(String, String)>,
    /// The column; `None` where the row as a whole is missing or too many.
    pub column: Option<String>,
    /// What is different.
    pub text: String,
}

impl Grid {
    /// The rows of a batch.
    #[must_use]
    pub fn of_batch(batch: &RecordBatch) -> Self {
        Self {
            columns: batch.schema_ref().fields().iter().map(|field| field.name().clone()).collect(),
            rows: (0..batch.num_rows()).map(|row| batch.columns().iter().map(|column| Cell::found(column, row)).collect()).collect(),
        }
    }

    /// Rows of a case file in the types of a schema; a column that a row does not name is null.
    #[must_use]
    pub fn of_rows(rows: &[Node], columns: &[String], schema: &Schema) -> Self {
        for entry in rows.iter().flat_map(Node::entries) {
            assert!(columns.contains(&entry.key), "line {}: the query has no column `{}`", entry.line, entry.key);
        }
        let cell = |row: &Node, column: &String| row.get(column).map_or(Cell::Null, |node| Cell::wanted(&node.value, &type_of(schema, column)));
        Self { columns: columns.to_vec(), rows: rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect()).collect() }
    }

    /// A CSV with a header, in the types of a schema.
    #[must_use]
    pub fn of_csv(text: &str, schema: &Schema) -> Self {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let columns: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
        let types: Vec<DataType> = columns.iter().map(|column| type_of(schema, column)).collect();
        let rows = reader.records().map(|record| record.unwrap().iter().zip(&types).map(|(field, kind)| Cell::read(field, kind)).collect()).collect();
        Self { columns, rows }
    }

    /// Where a column is.
    #[must_use]
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }

    /// The values of some columns of a row, as texts.
    fn key(&self, row: &[Cell], keys: &[String]) -> Vec<(String, String)> {
        keys.iter().map(|key| (key.clone(), self.position(key).map_or_else(String::new, |at| row[at].to_string()))).collect()
    }
}

impl Comparison<'_> {
    /// Every difference: rows first that are missing or too many, then cells.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference> {
        let absent: Vec<&String> = self.wanted.columns.iter().filter(|column| self.found.position(column).is_none()).collect();
        if !absent.is_empty() {
            return vec![whole(Vec::new(), format!("expected columns {absent:?}, found {:?}", self.found.columns))];
        }
        let mut differences = Vec::new();
        let mut found: BTreeMap<Vec<(String, String)>, &Vec<Cell>> = BTreeMap::new();
        for row in &self.found.rows {
            let key = self.found.key(row, self.keys);
            if found.insert(key.clone(), row).is_some() {
                differences.push(whole(key, "expected one row, found two".to_owned()));
            }
        }
        let mut cells = Vec::new();
        for row in &self.wanted.rows {
            let key = self.wanted.key(row, self.keys);
            match found.remove(&key) {
                Some(other) => cells.extend(self.cells(&key, row, other)),
                None => differences.push(whole(key, format!("expected a row {}, found none", self.values(row)))),
            }
        }
        for (key, row) in found {
            let row: Vec<Cell> = self.wanted.columns.iter().filter_map(|column| self.found.position(column)).map(|at| row[at].clone()).collect();
            differences.push(whole(key, format!("expected no row, found one {}", self.values(&row))));
        }
        differences.extend(cells);
        differences
    }

    fn cells(&self, key: &[(String, String)], wanted: &[Cell], found: &[Cell]) -> Vec<Difference> {
        let compared = self.wanted.columns.iter().zip(wanted).filter(|(column, _)| !self.keys.contains(column));
        compared
            .filter_map(|(column, wanted)| {
                let found = &found[self.found.position(column)?];
                (!wanted.agrees(found, self.tolerance)).then(|| Difference {
                    row: key.to_vec(),
                    column: Some(column.clone()),
                    text: format!("`{column}` expected {wanted}, found {found}"),
                })
            })
            .collect()
    }

    fn values(&self, row: &[Cell]) -> String {
        let values: Vec<String> = self.wanted.columns.iter().zip(row).filter(|(column, _)| !self.keys.contains(column)).map(|(column, cell)| format!("{column}: {cell}")).collect();
        format!("{{{}}}", values.join(", "))
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row: Vec<String> = self.row.iter().map(|(column, value)| format!("{column}: {value}")).collect();
        write!(f, "{{{}}} {}", row.join(", "), self.text)
    }
}

fn whole(row: Vec<(String, String)>, text: String) -> Difference {
    Difference { row, column: None, text }
}

/// The type of a column; a column that the answer does not have is reported when they are compared.
fn type_of(schema: &Schema, column: &str) -> DataType {
    schema.field_with_name(column).map_or(DataType::Utf8, |field| field.data_type().clone())
}
