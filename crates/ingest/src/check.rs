//! Compares what files have with what sources declare.

use arrow::datatypes::{DataType, Schema, TimeUnit};
use quotient_model::{ColumnType, SourceTable, nearest};

/// A column that is missing or of another type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaFault {
    /// The table, as `schema.table`.
    pub table: String,
    /// The file.
    pub file: String,
    /// The column.
    pub column: String,
    /// The declared type.
    pub expected: String,
    /// The type in the file; `None` where the column is missing.
    pub found: Option<String>,
    /// A column of the file with nearly the same name.
    pub near: Option<String>,
}

impl SchemaFault {
    pub(crate) fn render(faults: &[Self]) -> String {
        let lines: Vec<String> = faults.iter().map(Self::line).collect();
        let count = match faults.len() {
            1 => "1 column is not as declared".to_owned(),
            n => format!("{n} columns are not as declared"),
        };
        format!("{count}\n\n{}", lines.join("\n"))
    }

    fn line(&self) -> String {
        let Self { table, file, column, expected, found, near } = self;
        let start = format!("table `{table}` in `{file}`: column `{column}`");
        match (found, near) {
            (Some(found), _) => format!("{start} is {found}, expected {expected}"),
            (None, Some(near)) => format!("{start} is missing, expected {expected}; did you mean `{near}`?"),
            (None, None) => format!("{start} is missing, expected {expected}"),
        }
    }
}

/// The faults of one file. `partitions` are columns that the file's path gives.
pub(crate) fn check_file(table: &SourceTable, file: &str, schema: &Schema, partitions: &[(String, String)]) -> Vec<SchemaFault> {
    let mut faults = Vec::new();
    for column in &table.columns {
        let found = schema.field_with_name(&column.name).ok().map(arrow::datatypes::Field::data_type);
        let in_path = partitions.iter().any(|(name, _)| *name == column.name);
        let fault = match found {
            Some(found) if !accepts(column.data_type, found) => Some(Some(found.to_string())),
            None if column.required && !in_path => Some(None),
            _ => None,
        };
        if let Some(found) = fault {
            let names = schema.fields().iter().map(|f| f.name().as_str());
            faults.push(SchemaFault {
                table: format!("{}.{}", table.schema, table.name),
                file: file.to_owned(),
                column: column.name.clone(),
                expected: column.data_type.to_string(),
                near: if found.is_none() { nearest(&column.name, names).map(str::to_owned) } else { None },
                found,
            });
        }
    }
    faults
}

/// Whether values of a file's type can be read as a declared type without loss.
#[expect(clippy::match_same_arms, reason = "one row per declared type")]
fn accepts(declared: ColumnType, found: &DataType) -> bool {
    use DataType as D;
    match (declared, found) {
        (_, D::Null) => true,
        (ColumnType::Text, D::Utf8 | D::LargeUtf8 | D::Utf8View) => true,
        (ColumnType::Integer, D::Int8 | D::Int16 | D::Int32 | D::Int64 | D::UInt8 | D::UInt16 | D::UInt32) => true,
        (ColumnType::Double, D::Float32 | D::Float64) => true,
        (ColumnType::Boolean, D::Boolean) => true,
        (ColumnType::Date, D::Date32) => true,
        (ColumnType::Instant, D::Timestamp(unit, Some(_))) | (ColumnType::Timestamp, D::Timestamp(unit, None)) => *unit != TimeUnit::Second,
        (ColumnType::Decimal { precision, scale }, D::Decimal32(p, s) | D::Decimal64(p, s) | D::Decimal128(p, s)) => {
            *s <= scale && i16::from(*p) - i16::from(*s) <= i16::from(precision) - i16::from(scale)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::accepts;
    use arrow::datatypes::{DataType, TimeUnit};
    use quotient_model::ColumnType;

    #[test]
    fn only_widening_without_loss_is_accepted() {
        let money = ColumnType::Decimal { precision: 18, scale: 2 };
        assert!(accepts(money, &DataType::Decimal128(10, 2)));
        assert!(!accepts(money, &DataType::Decimal128(18, 4)));
        assert!(!accepts(money, &DataType::Float64));
        assert!(!accepts(money, &DataType::Utf8));
        assert!(accepts(ColumnType::Integer, &DataType::Int16));
        assert!(!accepts(ColumnType::Integer, &DataType::UInt64));
        assert!(accepts(ColumnType::Text, &DataType::Null));
        assert!(!accepts(ColumnType::Instant, &DataType::Timestamp(TimeUnit::Microsecond, None)));
    }
}
