//! Sources: the tables of a lake, where they lie and what columns they have.

use std::cell::RefCell;
use std::fmt;

use indexmap::IndexMap;

use crate::data_test::{DataTest, Freshness, Tested, read_freshness, read_tests};
use crate::fault::{Faults, Place};
use crate::jinja::Renderer;
use crate::reader::MapReader;
use crate::yaml::Node;

/// A table of the lake, as `sources:` declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceTable {
    /// The source's name, as in `source('crm', ...)`.
    pub schema: String,
    /// The table's name.
    pub name: String,
    /// What one row is.
    pub description: String,
    /// A path or URL, with `*`, `**` and `key=value` folders.
    pub location: String,
    /// Whether a lake without any file for it is still a lake; the table is empty then.
    pub optional: bool,
    /// What it means that no file is there, where that is no lack (`config: {meta: {absent_means: ...}}`).
    pub absent_means: Option<String>,
    /// The columns, in the order of the declaration.
    pub columns: Vec<SourceColumn>,
    /// What must hold of its rows: tests of the table, then those of its columns.
    pub tests: Vec<DataTest>,
    /// How old its newest row may be.
    pub freshness: Option<Freshness>,
    /// Where it is declared.
    pub place: Place,
}

/// A column of a source.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceColumn {
    /// The name in the files.
    pub name: String,
    /// The type that files must have, up to the widening that [`ColumnType`] names.
    pub data_type: ColumnType,
    /// Whether files must have it (`config: {meta: {required: true}}`); any other column that is absent is null.
    pub required: bool,
    /// What it means that no file has it, where that is no lack; metrics that read it are unavailable otherwise.
    pub absent_means: Option<String>,
}

/// The types that a source column may declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    Text,
    /// A whole number of up to 64 bits.
    Integer,
    /// A binary floating point number.
    Double,
    /// True or false.
    Boolean,
    /// A calendar day.
    Date,
    /// A point in time, UTC microseconds.
    Instant,
    /// A wall-clock time without a zone, microseconds.
    Timestamp,
    /// A decimal number, as money is.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits after the point.
        scale: i8,
    },
}

impl ColumnType {
    /// Reads a dbt `data_type`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        match lower.as_str() {
            "varchar" | "string" | "text" => return Some(Self::Text),
            "bigint" | "integer" | "int" | "int64" | "int32" | "smallint" => return Some(Self::Integer),
            "double" | "float" | "float64" => return Some(Self::Double),
            "boolean" | "bool" => return Some(Self::Boolean),
            "date" => return Some(Self::Date),
            "timestamp" | "timestamp without time zone" => return Some(Self::Timestamp),
            "timestamptz" | "timestamp with time zone" => return Some(Self::Instant),
            _ => {}
        }
        let inside = lower.strip_prefix("decimal").or_else(|| lower.strip_prefix("numeric"))?;
        let (precision, scale) = inside.trim().strip_prefix('(')?.strip_suffix(')')?.split_once(',')?;
        Some(Self::Decimal { precision: precision.trim().parse().ok().filter(|p| (1..=38).contains(p))?, scale: scale.trim().parse().ok().filter(|s| (0..=38).contains(s))? })
    }

    /// The type in the SQL of models.
    #[must_use]
    pub fn sql(self) -> String {
        match self {
            Self::Text => "VARCHAR".to_owned(),
            Self::Integer => "BIGINT".to_owned(),
            other => other.to_string().to_uppercase(),
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Integer => f.write_str("integer"),
            Self::Double => f.write_str("double"),
            Self::Boolean => f.write_str("boolean"),
            Self::Date => f.write_str("date"),
            Self::Instant => f.write_str("timestamp with time zone"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision}, {scale})"),
        }
    }
}

/// Reads the entries of a `sources:` list.
pub(crate) fn read_sources(file: &str, list: &[Node], renderer: &Renderer<'_>, faults: &RefCell<Faults>) -> IndexMap<String, SourceTable> {
    let mut tables = IndexMap::new();
    for node in list {
        let source = MapReader::new(node, file, "source", faults);
        let schema = source.required("name").unwrap_or_default();
        let source = source.named(format!("source `{schema}`"));
        source.ignore(&["description", "schema", "database", "loader", "tags", "freshness", "loaded_at_field", "tables"]);
        let default_location = location_of(&source);
        for node_of_table in source.list("tables") {
            let reader = source.nested(node_of_table, "table");
            if let Some(mut table) = read_table(&schema, default_location.as_ref(), &reader, renderer) {
                let key = format!("{schema}.{}", table.name);
                let on = Tested { table: &key, source: true, column: None, renderer };
                table.freshness = read_freshness(node_of_table, node, &reader, &on);
                tables.insert(format!("{schema}.{}", table.name), table);
            }
        }
        source.finish();
    }
    tables
}

fn read_table(schema: &str, default_location: Option<&String>, reader: &MapReader<'_>, renderer: &Renderer<'_>) -> Option<SourceTable> {
    let name = reader.required("name")?;
    let what = format!("source table `{schema}.{name}`");
    reader.ignore(&["description", "identifier", "tags", "freshness", "loaded_at_field", "columns", "name"]);
    let location = location_of(reader).or_else(|| default_location.cloned());
    let optional = meta_of(reader, "required").as_deref() == Some("false");
    let Some(template) = location else {
        reader.fault_with_hint(reader.place().line, format!("{what}: no location"), "give `config: {meta: {external_location: ...}}` on the table or its source");
        return None;
    };
    let location = match renderer.text(&template.replace("{name}", &name)) {
        Ok(text) => text,
        Err(message) => {
            reader.fault(reader.place().line, format!("{what}: location: {message}"));
            return None;
        }
    };
    let key = format!("{schema}.{name}");
    let mut tests = read_tests(reader, &Tested { table: &key, source: true, column: None, renderer });
    let mut columns = Vec::new();
    for node in reader.list("columns") {
        let Some((column, of_column)) = read_column(&key, &reader.nested(node, "column"), renderer) else { continue };
        columns.push(column);
        tests.extend(of_column);
    }
    let table = SourceTable {
        schema: schema.to_owned(),
        description: reader.text("description").unwrap_or_default(),
        name,
        location,
        optional,
        absent_means: meta_of(reader, "absent_means"),
        columns,
        tests,
        freshness: None,
        place: reader.place(),
    };
    reader.finish();
    Some(table)
}

fn location_of(reader: &MapReader<'_>) -> Option<String> {
    meta_of(reader, "external_location")
}

/// A text under `config: {meta: ...}`, or under `meta:` as older projects have it.
fn meta_of(reader: &MapReader<'_>, key: &str) -> Option<String> {
    let meta = reader.node("config").and_then(|config| config.get("meta")).or_else(|| reader.node("meta"))?;
    meta.get(key)?.text()
}

fn read_column(key: &str, reader: &MapReader<'_>, renderer: &Renderer<'_>) -> Option<(SourceColumn, Vec<DataTest>)> {
    let name = reader.required("name")?;
    let table = format!("source table `{key}`");
    reader.ignore(&["description", "quote", "tags", "config", "meta"]);
    let tests = read_tests(reader, &Tested { table: key, source: true, column: Some(&name), renderer });
    let required = meta_of(reader, "required").as_deref() == Some("true");
    let absent_means = meta_of(reader, "absent_means");
    let Some(type_text) = reader.text("data_type") else {
        reader.fault(reader.place().line, format!("{table}: column `{name}`: missing key `data_type`"));
        return None;
    };
    let Some(data_type) = ColumnType::parse(&type_text) else {
        reader.fault_with_hint(
            reader.place_of("data_type").line,
            format!("{table}: column `{name}`: unknown data type `{type_text}`"),
            "one of varchar, bigint, double, boolean, date, timestamp, timestamp with time zone, decimal(p, s)",
        );
        return None;
    };
    reader.finish();
    Some((SourceColumn { name, data_type, required, absent_means }, tests))
}

#[cfg(test)]
mod tests {
    use super::ColumnType;

    #[test]
    fn data_types_of_dbt_are_read() {
        assert_eq!(ColumnType::parse("DECIMAL(18, 2)"), Some(ColumnType::Decimal { precision: 18, scale: 2 }));
        assert_eq!(ColumnType::parse("timestamptz"), Some(ColumnType::Instant));
        assert_eq!(ColumnType::parse("decimal(99,2)"), None);
        assert_eq!(ColumnType::parse("blob"), None);
    }
}
