//! Sources as CTEs: the files of the lake with the declared columns, in the declared types.
//!
//! In: a source and where its files are. Out: a query in a dialect.
//! `DuckDB` takes a column that no file has for null, as we do, unless it is required; Spark stops at it.

use quotient_model::{ColumnType, Dialect, SourceColumn, SourceTable, quoted};

/// A query over the files of a source.
pub(crate) fn source(dialect: Dialect, table: &SourceTable, location: &str) -> String {
    let columns: Vec<String> = table.columns.iter().map(|column| format!("CAST({name} AS {}) AS {name}", type_of(dialect, column), name = quoted(&column.name))).collect();
    let files = match dialect {
        Dialect::DuckDb => duckdb_files(table, location),
        Dialect::Spark => format!("parquet.{}", quoted(spark_folder(location))),
    };
    format!("SELECT\n  {}\nFROM {files}", columns.join(",\n  "))
}

fn duckdb_files(table: &SourceTable, location: &str) -> String {
    let read = format!("read_parquet('{}', hive_partitioning = true, union_by_name = true)", location.replace('\'', "''"));
    let optional: Vec<String> =
        table.columns.iter().filter(|column| !column.required).map(|column| format!("CAST(NULL AS {}) AS {}", type_of(Dialect::DuckDb, column), quoted(&column.name))).collect();
    if optional.is_empty() {
        return read;
    }
    format!("(\n  -- the columns that files may lack\n  SELECT {} WHERE FALSE\n  UNION ALL BY NAME\n  SELECT * FROM {read}\n) AS \"files\"", optional.join(", "))
}

/// Spark reads a folder with all that is below it, and knows no `**`.
fn spark_folder(location: &str) -> &str {
    let folder = location.strip_suffix("/*.parquet").unwrap_or(location);
    folder.strip_suffix("/**").unwrap_or(folder)
}

fn type_of(dialect: Dialect, column: &SourceColumn) -> String {
    match (column.data_type, dialect) {
        (ColumnType::Timestamp, Dialect::Spark) => "TIMESTAMP_NTZ".to_owned(),
        (declared, _) => declared.sql(),
    }
}

#[cfg(test)]
mod tests {
    use super::spark_folder;

    #[test]
    fn spark_reads_folders() {
        assert_eq!(spark_folder("/lake/leads/**/*.parquet"), "/lake/leads");
        assert_eq!(spark_folder("s3://lake/leads/*.parquet"), "s3://lake/leads");
        assert_eq!(spark_folder("/lake/leads.parquet"), "/lake/leads.parquet");
    }
}
