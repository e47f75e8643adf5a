//! Cells as rows of a CTE: the keys `metric_time` and the items of the slice, then `value`.
//!
//! In: names of CTEs that have one row for each cell. Out: SQL that puts them side by side.
//! Keys are never null: where a grouping has no grain, `metric_time` is 1970-01-01 in every row.

use quotient_model::quoted;

use crate::engine::{BaseGrouping, NONE};

/// The key column of the period.
pub(crate) const PERIOD: &str = "metric_time";
/// The column of the value.
pub(crate) const VALUE: &str = "value";

/// The key columns of a grouping.
pub(crate) fn keys(grouping: &BaseGrouping) -> Vec<String> {
    std::iter::once(PERIOD.to_owned()).chain(grouping.slice.iter().cloned()).collect()
}

/// The text of an item; never null.
pub(crate) fn label(item: &str) -> String {
    format!("COALESCE(CAST({item} AS VARCHAR), '{NONE}')")
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
///
/// Each source is read once: an engine that puts CTEs in the place of their names would compute it as often as it is named.
pub(crate) fn side_by_side(grouping: &BaseGrouping, columns: &[Beside]) -> String {
    let keys = names(&keys(grouping));
    let mut sources: Vec<&str> = Vec::new();
    for column in columns {
        if !sources.contains(&column.cells.as_str()) {
            sources.push(&column.cells);
        }
    }
    let is_one = sources.len() == 1;
    let shown = |column: &Beside| {
        let place = sources.iter().position(|source| *source == column.cells).unwrap_or_default();
        let value = if is_one { quoted(VALUE) } else { format!("max(\"v{place}\")") };
        let value = column.filler.map_or_else(|| value.clone(), |filler| format!("COALESCE({value}, {filler})"));
        format!("{value} AS {}", quoted(&column.alias))
    };
    let shown = columns.iter().map(shown).collect::<Vec<_>>().join(", ");
    if let [source] = sources.as_slice() {
        return format!("SELECT {keys}, {shown} FROM {}", quoted(source));
    }
    let of_source = |(place, source): (usize, &&str)| {
        let value = |other: usize| if other == place { format!("{} AS \"v{other}\"", quoted(VALUE)) } else { format!("NULL AS \"v{other}\"") };
        format!("SELECT {keys}, {} FROM {}", (0..sources.len()).map(value).collect::<Vec<_>>().join(", "), quoted(source))
    };
    let cells: Vec<String> = sources.iter().enumerate().map(of_source).collect();
    format!("SELECT {keys}, {shown}\nFROM (\n{}\n) AS \"every\"\nGROUP BY {keys}", cells.join("\nUNION ALL\n"))
}

/// A condition that columns of two tables are equal.
pub(crate) fn equal(columns: &[String], left: &str, right: &str) -> String {
    columns.iter().map(|column| format!("{}.{column} = {}.{column}", quoted(left), quoted(right), column = quoted(column))).collect::<Vec<_>>().join(" AND ")
}
