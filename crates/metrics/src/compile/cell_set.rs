//! Cells as rows of a CTE: the keys `metric_time` and the items of the slice, then `value`.
//!
//! In: names of CTEs that have one row for each cell. Out: SQL that puts them side by side.
//! Keys are never null: where a grouping has no grain, `metric_time` is 1970-01-01 in every row.

use quotient_model::quoted;

use crate::engine::BaseGrouping;

/// The key column of the period.
pub(crate) const PERIOD: &str = "metric_time";
/// The column of the value.
pub(crate) const VALUE: &str = "value";

/// The key columns of a grouping.
pub(crate) fn keys(grouping: &BaseGrouping) -> Vec<String> {
    std::iter::once(PERIOD.to_owned()).chain(grouping.slice.iter().cloned()).collect()
}

/// Quoted names, in a list.
pub(crate) fn names(columns: &[String]) -> String {
    columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(", ")
}

/// Quoted names of a table's columns, in a list.
pub(crate) fn names_of(table: &str, columns: &[String]) -> String {
    columns.iter().map(|column| format!("{}.{}", quoted(table), quoted(column))).collect::<Vec<_>>().join(", ")
}

/// One column of cells among others.
pub(crate) struct Beside {
    /// What it is called there.
    pub(crate) alias: String,
    /// The CTE of its cells.
    pub(crate) cells: String,
    /// What a cell that is missing or null is taken for.
    pub(crate) filler: Option<i64>,
}

/// A query with a row wherever one of the columns has a cell.
pub(crate) fn side_by_side(grouping: &BaseGrouping, columns: &[Beside]) -> String {
    let keys = keys(grouping);
    let mut sources: Vec<&str> = Vec::new();
    for column in columns {
        if !sources.contains(&column.cells.as_str()) {
            sources.push(&column.cells);
        }
    }
    let value = |column: &Beside| {
        let place = sources.iter().position(|source| *source == column.cells).unwrap_or_default();
        let value = format!("\"c{place}\".{}", quoted(VALUE));
        let value = column.filler.map_or_else(|| value.clone(), |filler| format!("COALESCE({value}, {filler})"));
        format!("{value} AS {}", quoted(&column.alias))
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    if let [source] = sources.as_slice() {
        return format!("SELECT {}, {} FROM {} AS \"c0\"", names_of("c0", &keys), values.join(", "), quoted(source));
    }
    let every: Vec<String> = sources.iter().map(|source| format!("SELECT {} FROM {}", names(&keys), quoted(source))).collect();
    let joins: Vec<String> = sources
        .iter()
        .enumerate()
        .map(|(place, source)| {
            let table = format!("c{place}");
            format!("LEFT JOIN {} AS {} ON {}", quoted(source), quoted(&table), equal(&keys, "keys", &table))
        })
        .collect();
    format!("SELECT {}, {}\nFROM ({}) AS \"keys\"\n{}", names_of("keys", &keys), values.join(", "), every.join(" UNION "), joins.join("\n"))
}

/// A condition that columns of two tables are equal.
pub(crate) fn equal(columns: &[String], left: &str, right: &str) -> String {
    columns.iter().map(|column| format!("{}.{column} = {}.{column}", quoted(left), quoted(right), column = quoted(column))).collect::<Vec<_>>().join(" AND ")
}
