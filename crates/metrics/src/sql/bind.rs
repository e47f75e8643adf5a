//! Binding: from the text of a model to a typed plan.
//!
//! In: SQL and the schemas of the relations that it may name. Out: DataFusion's logical plan, names resolved and types coerced.
//! Nothing runs here; the planner crates hold no engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion_common::config::ConfigOptions;
use datafusion_common::utils::datafusion_strsim::levenshtein;
use datafusion_common::{DataFusionError, Result, TableReference};
use datafusion_expr::logical_plan::builder::LogicalTableSource;
use datafusion_expr::planner::TypePlanner;
use datafusion_expr::{AggregateUDF, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF};
use datafusion_optimizer::Analyzer;
use datafusion_sql::planner::{ContextProvider, ParserOptions, SqlToRel};
use datafusion_sql::sqlparser::ast::{DataType as SqlType, Statement, TimezoneInfo};
use datafusion_sql::sqlparser::dialect::GenericDialect;
use datafusion_sql::sqlparser::parser::Parser;
use indexmap::IndexMap;

use super::Relation;
use super::error::Fault;
use super::folds::{aggregate_functions, window_functions};
use super::functions::scalar_functions;
use super::rewrite::rewrite;
use super::types::{instant, local, logical_schema};

/// Parses one query, resolves its names against the relations, and types it.
///
/// Errors: text that is no query, unknown names, types that do not fit.
pub(crate) fn bind(sql: &str, relations: &IndexMap<String, Relation>) -> Result<LogicalPlan, Fault> {
    let mut statement = parse(sql)?;
    rewrite(&mut statement);
    let catalog = Catalog::new(relations);
    let options = ParserOptions::new().with_parse_float_as_decimal(true).with_map_string_types_to_utf8view(false);
    let plan = SqlToRel::new_with_options(&catalog, options).sql_statement_to_plan(statement).map_err(|error| Fault::bound(&error))?;
    Analyzer::new().execute_and_check(plan, &catalog.options, |_, _| {}).map_err(|error| Fault::bound(&error))
}

fn parse(sql: &str) -> Result<Statement, Fault> {
    let mut statements = Parser::parse_sql(&GenericDialect {}, sql).map_err(|error| Fault::parsed(&error.to_string()))?;
    match (statements.pop(), statements.is_empty()) {
        (Some(statement @ Statement::Query(_)), true) => Ok(statement),
        (Some(_), true) => Err(Fault::unsupported("a statement that is not a query")),
        (Some(_), false) => Err(Fault::unsupported("more than one statement in a model")),
        (None, _) => Err(Fault::Parse { line: 1, message: "expected a query, found nothing".to_owned() }),
    }
}

/// What the planner may ask for.
struct Catalog {
    tables: BTreeMap<String, Arc<dyn TableSource>>,
    scalars: BTreeMap<String, Arc<ScalarUDF>>,
    aggregates: BTreeMap<String, Arc<AggregateUDF>>,
    windows: BTreeMap<String, Arc<WindowUDF>>,
    options: ConfigOptions,
}

impl Catalog {
    fn new(relations: &IndexMap<String, Relation>) -> Self {
        let tables = relations
            .iter()
            .map(|(name, relation)| {
                let schema = logical_schema(&relation.schema);
                let source: Arc<dyn TableSource> = Arc::new(LogicalTableSource::new(schema));
                (name.clone(), source)
            })
            .collect();
        Self {
            tables,
            scalars: by_name(scalar_functions(), |function| function.name().to_owned()),
            aggregates: by_name(aggregate_functions(), |function| function.name().to_owned()),
            windows: by_name(window_functions(), |function| function.name().to_owned()),
            options: ConfigOptions::new(),
        }
    }
}

fn by_name<T>(functions: Vec<Arc<T>>, name: fn(&T) -> String) -> BTreeMap<String, Arc<T>> {
    functions.into_iter().map(|function| (name(&function), function)).collect()
}

/// The key of a relation: `table` or `schema.table`.
pub(crate) fn relation_key(name: &TableReference) -> String {
    name.schema().map_or_else(|| name.table().to_owned(), |schema| format!("{schema}.{}", name.table()))
}

impl ContextProvider for Catalog {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let key = relation_key(&name);
        self.tables.get(&key).map(Arc::clone).ok_or_else(|| {
            let nearest = self.tables.keys().min_by_key(|known| levenshtein(known, &key));
            let hint = nearest.map_or_else(String::new, |known| format!("; the nearest is `{known}`"));
            DataFusionError::Plan(format!("no relation is named `{key}`{hint}"))
        })
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::new(Types))
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.scalars.get(name).map(Arc::clone)
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.aggregates.get(name).map(Arc::clone)
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.windows.get(name).map(Arc::clone)
    }

    fn get_variable_type(&self, _names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.scalars.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.aggregates.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.windows.keys().cloned().collect()
    }
}

/// Timestamps of SQL are microseconds, with a zone they are instants; the planner knows the other types.
#[derive(Debug)]
struct Types;

impl TypePlanner for Types {
    fn plan_type_field(&self, sql_type: &SqlType) -> Result<Option<FieldRef>> {
        let data_type = match sql_type {
            SqlType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => instant(),
            SqlType::Timestamp(_, _) | SqlType::Datetime(_) | SqlType::TimestampNtz(_) => local(),
            _ => return Ok(None),
        };
        Ok(Some(Arc::new(Field::new("", data_type, true))))
    }
}
