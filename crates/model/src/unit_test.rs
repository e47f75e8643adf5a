//! Unit tests: rows that a model is given, and the rows that it must make of them.
//!
//! In: dbt's `unit_tests:` in YAML. Out: [`UnitTest`]; whatever cannot be read, or names what is not there, is a fault.
//! Nothing here runs a test.

use std::cell::RefCell;

use indexmap::IndexMap;

use crate::data_test::relation_of;
use crate::fault::{Faults, Place};
use crate::project::Project;
use crate::reader::MapReader;
use crate::yaml::Node;

/// A test of one model over given rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitTest {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub description: String,
    /// The model.
    pub model: String,
    /// What stands for the tables that the model reads.
    pub given: Vec<Given>,
    /// The rows that the model must make, in any order; only the columns that they name are compared.
    pub expect: Vec<GivenRow>,
    /// Vars that hold for this test alone, as texts.
    pub vars: Vec<(String, String)>,
    /// Where it is declared.
    pub place: Place,
}

/// The rows that stand for one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The table: `schema.table` of a source, or the name of a model.
    pub input: String,
    /// Its rows.
    pub rows: Vec<GivenRow>,
    /// Where it is declared.
    pub place: Place,
}

/// A row: texts by column; `None` is null, and so is a column that it does not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenRow {
    /// The values.
    pub cells: IndexMap<String, Option<String>>,
    /// Line from 1.
    pub line: usize,
}

/// Reads one entry of a `unit_tests:` list; one that is not enabled is nothing.
pub(crate) fn read_unit_test(file: &str, node: &Node, faults: &RefCell<Faults>) -> Option<UnitTest> {
    let reader = MapReader::new(node, file, "unit test", faults);
    let name = reader.required("name")?;
    let reader = reader.named(format!("unit test `{name}`"));
    let model = reader.required("model");
    let given = reader.list("given").iter().filter_map(|node| read_given(&reader.nested(node, format!("{}: an input", reader.what())))).collect();
    let expect = reader.map("expect").map(|expect| {
        let rows = read_rows(&expect);
        expect.finish();
        rows
    });
    if expect.is_none() {
        reader.fault(node.line, format!("{}: missing key `expect`", reader.what()));
    }
    let mut vars = Vec::new();
    if let Some(overrides) = reader.map("overrides") {
        for entry in overrides.node("vars").map(Node::entries).unwrap_or_default() {
            match entry.node.text() {
                Some(text) => vars.push((entry.key.clone(), text)),
                None => overrides.fault(entry.line, format!("{}: var `{}`: expected one value, found {}", reader.what(), entry.key, entry.node.kind())),
            }
        }
        overrides.finish();
    }
    let enabled = reader.map("config").is_none_or(|config| {
        config.ignore(&["tags", "meta"]);
        let enabled = config.boolean("enabled").unwrap_or(true);
        config.finish();
        enabled
    });
    let test = UnitTest { description: reader.text("description").unwrap_or_default(), model: model?, given, expect: expect?, vars, place: reader.place(), name };
    reader.finish();
    enabled.then_some(test)
}

fn read_given(reader: &MapReader<'_>) -> Option<Given> {
    let text = reader.required("input")?;
    let rows = read_rows(reader);
    reader.finish();
    let Some(input) = relation_of(&text) else {
        reader.fault(reader.place_of("input").line, format!("{}: expected `ref('model')` or `source('schema', 'table')`, found `{text}`", reader.what()));
        return None;
    };
    Some(Given { input, rows, place: reader.place() })
}

/// The rows of `rows:`, as mappings or, with `format: csv`, as one text.
fn read_rows(reader: &MapReader<'_>) -> Vec<GivenRow> {
    match reader.text("format").as_deref() {
        None | Some("dict") => reader
            .list("rows")
            .iter()
            .map(|node| {
                // Asked as a mapping, so that anything else is a fault.
                let row = reader.nested(node, format!("{}: a row", reader.what()));
                let mut cells = IndexMap::new();
                for entry in node.entries() {
                    match (entry.node.value == crate::yaml::Value::Null, entry.node.text()) {
                        (true, _) => drop(cells.insert(entry.key.clone(), None)),
                        (false, Some(text)) => drop(cells.insert(entry.key.clone(), Some(text))),
                        (false, None) => row.fault(entry.line, format!("{}: column `{}`: expected one value, found {}", row.what(), entry.key, entry.node.kind())),
                    }
                }
                GivenRow { cells, line: node.line }
            })
            .collect(),
        Some("csv") => {
            let place = reader.place_of("rows");
            let text = reader.text("rows").unwrap_or_default();
            csv_rows(&text, place.line).unwrap_or_else(|(line, message)| {
                reader.fault(line, format!("{}: {message}", reader.what()));
                Vec::new()
            })
        }
        Some(other) => {
            reader.unknown("format", "format of rows", other, ["dict", "csv"]);
            reader.ignore(&["rows"]);
            Vec::new()
        }
    }
}

/// Rows of CSV under a line of names; an empty field without quotes is null.
fn csv_rows(text: &str, first: usize) -> Result<Vec<GivenRow>, (usize, String)> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(|(at, line)| (first + at, line));
    let Some((_, header)) = lines.next() else { return Ok(Vec::new()) };
    let names: Vec<String> = fields(header).into_iter().map(Option::unwrap_or_default).collect();
    lines
        .map(|(line, text)| {
            let values = fields(text);
            if values.len() != names.len() {
                return Err((line, format!("expected {} fields in a row of CSV, found {}", names.len(), values.len())));
            }
            Ok(GivenRow { cells: names.iter().cloned().zip(values).collect(), line })
        })
        .collect()
}

/// The fields of one line; quotes are doubled inside quotes.
fn fields(line: &str) -> Vec<Option<String>> {
    let mut fields = Vec::new();
    let (mut field, mut inside, mut quoted) = (String::new(), false, false);
    let mut letters = line.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if inside && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' => {
                inside = !inside;
                quoted = true;
            }
            ',' if !inside => {
                fields.push(taken(&mut field, quoted));
                quoted = false;
            }
            other => field.push(other),
        }
    }
    fields.push(taken(&mut field, quoted));
    fields
}

fn taken(field: &mut String, quoted: bool) -> Option<String> {
    let text = std::mem::take(field);
    let text = if quoted { text } else { text.trim().to_owned() };
    (quoted || !text.is_empty()).then_some(text)
}

/// Reports what data tests and unit tests name and the project does not have.
pub(crate) fn check_tests(project: &Project, faults: &mut Faults) {
    check_relationships(project, faults);
    for (at, test) in project.unit_tests.iter().enumerate() {
        if let Some(first) = project.unit_tests[..at].iter().find(|other| other.name == test.name) {
            faults.add(&test.place, format!("unit test `{}` is already defined at {}:{}", test.name, first.place.file, first.place.line));
        }
        let Some(model) = project.models.get(&test.model) else {
            faults.unknown(&test.place, &format!("model of unit test `{}`:", test.name), &test.model, project.models.keys().map(String::as_str));
            continue;
        };
        let reads = || model.refs.iter().chain(&model.sources).map(String::as_str);
        for given in &test.given {
            if !reads().any(|name| name == given.input) {
                faults.unknown(&given.place, &format!("input of model `{}` in unit test `{}`:", model.name, test.name), &given.input, reads());
            }
            let Some(source) = project.sources.get(&given.input) else { continue };
            for row in &given.rows {
                for column in row.cells.keys().filter(|name| !source.columns.iter().any(|c| c.name == **name)) {
                    let place = Place { line: row.line, ..given.place.clone() };
                    faults.unknown(&place, &format!("column of `{}` in unit test `{}`:", given.input, test.name), column, source.columns.iter().map(|c| c.name.as_str()));
                }
            }
        }
        for name in reads().filter(|name| !test.given.iter().any(|given| given.input == **name)) {
            faults.add_with_hint(
                &test.place,
                format!("unit test `{}`: model `{}` reads `{name}`, which is not given", test.name, model.name),
                "give it, with `rows: []` if it is empty",
            );
        }
    }
}

fn check_relationships(project: &Project, faults: &mut Faults) {
    for test in project.data_tests() {
        let crate::data_test::Rule::Relationships { to, field } = &test.rule else { continue };
        let what = format!("table of test `relationships` of `{}`:", test.table);
        if let Some(source) = project.sources.get(to) {
            if !source.columns.iter().any(|column| column.name == *field) {
                faults.unknown(&test.place, &format!("column of `{to}` in test `relationships` of `{}`:", test.table), field, source.columns.iter().map(|c| c.name.as_str()));
            }
        } else if !project.models.contains_key(to) {
            faults.unknown(&test.place, &what, to, project.sources.keys().chain(project.models.keys()).map(String::as_str));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{GivenRow, csv_rows};

    fn cells(row: &GivenRow) -> Vec<(&str, Option<&str>)> {
        row.cells.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect()
    }

    #[test]
    fn csv_has_nulls_quotes_and_lines() {
        let rows = csv_rows("id, name,note\n1,\"Kim, \"\"J\"\"\",\n\n2,\"\",매출\n", 7).unwrap();
        assert_eq!(cells(&rows[0]), [("id", Some("1")), ("name", Some("Kim, \"J\"")), ("note", None)]);
        assert_eq!(cells(&rows[1]), [("id", Some("2")), ("name", Some("")), ("note", Some("매출"))]);
        assert_eq!(rows[1].line, 10);
        assert_eq!(csv_rows("id,name\n1\n", 1).unwrap_err(), (2, "expected 2 fields in a row of CSV, found 1".to_owned()));
    }
}
