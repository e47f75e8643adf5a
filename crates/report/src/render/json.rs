//! Rows as a JSON array of objects.

use serde_json::{Map, Number, Value};

use super::cell::{Cell, Column};

/// One object per line.
pub(crate) fn print(columns: &[Column], rows: usize) -> String {
    if rows == 0 {
        return "[]\n".to_owned();
    }
    let object = |row: usize| {
        let members = columns.iter().map(|column| (column.name.clone(), column.cells.get(row).map_or(Value::Null, value)));
        Value::Object(members.collect::<Map<_, _>>()).to_string()
    };
    let lines: Vec<String> = (0..rows).map(object).collect();
    format!("[\n{}\n]\n", lines.join(",\n"))
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) | Cell::Decimal(text) | Cell::Moment(text) => Value::String(text.clone()),
        Cell::Integer(number) => Value::Number(Number::from(*number)),
        Cell::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Cell::Boolean(flag) => Value::Bool(*flag),
    }
}
