//! Rows as columns for a terminal.

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};

use super::cell::{Cell, Column};

/// A header, a line, one line per row; numbers to the right.
pub(crate) fn print(columns: &[Column], rows: usize) -> String {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    let aligned = |column: &Column, content: String| {
        let alignment = if column.is_number { CellAlignment::Right } else { CellAlignment::Left };
        comfy_table::Cell::new(content).set_alignment(alignment)
    };
    table.set_header(columns.iter().map(|column| aligned(column, visible(&column.name))).collect::<Vec<_>>());
    for row in 0..rows {
        let line = columns.iter().map(|column| aligned(column, column.cells.get(row).map_or_else(String::new, text)));
        table.add_row(line.collect::<Vec<_>>());
    }
    format!("{table}\n")
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => visible(text),
        Cell::Integer(number) => number.to_string(),
        Cell::Float(number) => short(*number),
        Cell::Decimal(text) | Cell::Moment(text) => text.clone(),
        Cell::Boolean(flag) => flag.to_string(),
    }
}

/// Up to six decimals; a number too small for them in scientific notation.
fn short(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if number.abs() < 0.000_000_5 {
        return format!("{number:.3e}");
    }
    let fixed = format!("{number:.6}");
    if fixed.contains('.') { fixed.trim_end_matches('0').trim_end_matches('.').to_owned() } else { fixed }
}

/// Text without characters that a terminal would obey.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
