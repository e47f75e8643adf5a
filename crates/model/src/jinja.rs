//! Jinja of dbt: models, locations and filters rendered with the functions that dbt has.
//!
//! In: templates, vars, environment variables, macros. Out: text, and the names that it refers to.
//! `target.type` is `polars` unless a dialect is asked for; nothing here reads the process environment or the clock.

mod filter;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use minijinja::value::{Kwargs, Rest};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};

use crate::yaml;

pub use filter::{Filter, MetricRef};

/// What templates may refer to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// Vars of `dbt_project.yml`, overridden by the caller's.
    pub vars: IndexMap<String, yaml::Node>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
}

/// A dialect of SQL that models can be rendered for, beside our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `DuckDB`.
    DuckDb,
    /// Apache Spark.
    Spark,
}

impl Dialect {
    /// What `target.type` is, and how people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DuckDb => "duckdb",
            Self::Spark => "spark",
        }
    }

    /// The name that a source has in the text of a model: dialects have no schema of the lake, so one word has both names.
    ///
    /// ```
    /// assert_eq!(quotient_model::Dialect::source_name("crm", "leads"), "source__crm__leads");
    /// ```
    #[must_use]
    pub fn source_name(schema: &str, table: &str) -> String {
        format!("source__{schema}__{table}")
    }
}

/// A rendered model and what it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    /// Names given to `ref`.
    pub(crate) refs: Vec<String>,
    /// Pairs given to `source`, as `schema.table`.
    pub(crate) sources: Vec<String>,
}

/// Why a template could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RenderError {
    /// Line in the model's own file, where known.
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// Renders the templates of one project.
pub(crate) struct Renderer<'a> {
    context: &'a Context,
    macros: String,
    /// The dialect of the text; `None` for our own.
    dialect: Option<Dialect>,
}

impl<'a> Renderer<'a> {
    /// A renderer with the project's macros, one text per file in file order.
    pub(crate) fn new<'m>(context: &'a Context, macros: impl IntoIterator<Item = &'m str>) -> Self {
        let mut all = String::new();
        for text in macros {
            all.push_str(text);
            all.push('\n');
        }
        Self { context, macros: all, dialect: None }
    }

    /// The same for another dialect.
    pub(crate) fn speaking(self, dialect: Dialect) -> Self {
        Self { dialect: Some(dialect), ..self }
    }

    /// Renders a string of a YAML file: `env_var` and `var`, nothing else.
    pub(crate) fn text(&self, template: &str) -> Result<String, String> {
        if !template.contains("{{") && !template.contains("{%") {
            return Ok(template.to_owned());
        }
        let environment = self.environment();
        environment.render_str(template, ()).map_err(|e| message_of(&e))
    }

    /// Renders a SQL model.
    pub(crate) fn model(&self, template: &str) -> Result<Rendered, RenderError> {
        let refs = Arc::new(Mutex::new(Vec::new()));
        let sources = Arc::new(Mutex::new(Vec::new()));
        let mut environment = self.environment();
        let seen = Arc::clone(&refs);
        environment.add_function("ref", move |names: Rest<String>| -> Result<String, Error> {
            let Some(name) = names.last() else {
                return Err(Error::new(ErrorKind::MissingArgument, "ref needs the name of a model"));
            };
            push(&seen, name);
            Ok(quoted(name))
        });
        let (seen, dialect) = (Arc::clone(&sources), self.dialect);
        environment.add_function("source", move |schema: String, table: String| {
            push(&seen, &format!("{schema}.{table}"));
            match dialect {
                None => format!("{}.{}", quoted(&schema), quoted(&table)),
                Some(_) => quoted(&Dialect::source_name(&schema, &table)),
            }
        });
        environment.add_function("config", |_: Rest<Value>, options: Kwargs| -> Result<String, Error> {
            // dbt's materialisation settings say nothing about what a model means.
            for key in options.args() {
                let _: Value = options.get(key)?;
            }
            Ok(String::new())
        });
        let offset = self.macros.matches('\n').count();
        let whole = format!("{}{template}", self.macros);
        let text = environment.render_str(&whole, ()).map_err(|e| RenderError { line: e.line().unwrap_or(0).saturating_sub(offset), message: message_of(&e) })?;
        Ok(Rendered { text: text.trim().to_owned(), refs: taken(&refs), sources: taken(&sources) })
    }

    fn environment(&self) -> Environment<'static> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let vars: BTreeMap<String, Value> = self.context.vars.iter().map(|(name, node)| (name.clone(), value_of(node))).collect();
        environment.add_function("var", move |name: String, default: Option<Value>| -> Result<Value, Error> {
            vars.get(&name).cloned().or(default).ok_or_else(|| Error::new(ErrorKind::UndefinedError, format!("var `{name}` is not set")))
        });
        let env = self.context.env.clone();
        environment.add_function("env_var", move |name: String, default: Option<String>| -> Result<String, Error> {
            env.get(&name).cloned().or(default).ok_or_else(|| Error::new(ErrorKind::UndefinedError, format!("environment variable `{name}` is not set")))
        });
        let target = self.dialect.map_or("polars", Dialect::name);
        environment.add_global("target", Value::from(BTreeMap::from([("type", target), ("name", target)])));
        environment.add_global("dbt", cross_database_macros());
        environment
    }
}

fn cross_database_macros() -> Value {
    let mut macros: BTreeMap<&str, Value> = BTreeMap::new();
    macros.insert("date_trunc", Value::from_function(|part: String, expression: String| format!("date_trunc('{part}', {expression})")));
    macros.insert(
        "datediff",
        Value::from_function(|from: String, to: String, part: String| -> Result<String, Error> {
            match part.as_str() {
                "day" => Ok(format!("days_between(CAST({from} AS DATE), CAST({to} AS DATE))")),
                _ => Err(Error::new(ErrorKind::InvalidOperation, format!("dbt.datediff by `{part}` is not supported, only by `day`"))),
            }
        }),
    );
    macros.insert(
        "dateadd",
        Value::from_function(|part: String, count: Value, expression: String| -> Result<String, Error> {
            match part.as_str() {
                "day" => Ok(format!("add_days({expression}, {count})")),
                "month" => Ok(format!("add_months({expression}, {count})")),
                _ => Err(Error::new(ErrorKind::InvalidOperation, format!("dbt.dateadd by `{part}` is not supported, only by `day` and `month`"))),
            }
        }),
    );
    macros.insert("safe_cast", Value::from_function(|expression: String, kind: String| format!("TRY_CAST({expression} AS {kind})")));
    for (name, kind) in [
        ("type_string", "VARCHAR"),
        ("type_int", "INTEGER"),
        ("type_bigint", "BIGINT"),
        ("type_float", "DOUBLE"),
        ("type_numeric", "DECIMAL(28, 6)"),
        ("type_boolean", "BOOLEAN"),
        ("type_timestamp", "TIMESTAMP"),
    ] {
        macros.insert(name, Value::from_function(move || kind));
    }
    Value::from(macros)
}

/// A name as a SQL identifier, in double quotes.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn push(list: &Mutex<Vec<String>>, name: &str) {
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    if !list.iter().any(|seen| seen == name) {
        list.push(name.to_owned());
    }
}

fn taken(list: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *list.lock().unwrap_or_else(PoisonError::into_inner))
}

fn message_of(error: &Error) -> String {
    match (error.kind(), error.detail()) {
        (ErrorKind::UndefinedError, Some(detail)) if detail.contains('`') => detail.to_owned(),
        (_, Some(detail)) => format!("{}: {detail}", error.kind()),
        (kind, None) => kind.to_string(),
    }
}

fn value_of(node: &yaml::Node) -> Value {
    match &node.value {
        yaml::Value::Null => Value::from(()),
        yaml::Value::Boolean(b) => Value::from(*b),
        yaml::Value::Integer(i) => Value::from(*i),
        yaml::Value::Float(f) => Value::from(*f),
        yaml::Value::Text(t) => Value::from(t.as_str()),
        yaml::Value::List(items) => items.iter().map(value_of).collect(),
        yaml::Value::Map(entries) => Value::from(entries.iter().map(|e| (e.key.clone(), value_of(&e.node))).collect::<BTreeMap<String, Value>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Context, Dialect, Renderer};

    fn context() -> Context {
        let vars = crate::yaml::Node::parse("zone: Europe/Berlin\nhours: 4\n").unwrap();
        Context { vars: vars.entries().iter().map(|e| (e.key.clone(), e.node.clone())).collect(), env: [("LAKE".to_owned(), "s3://lake".to_owned())].into() }
    }

    #[test]
    fn a_model_names_what_it_refers_to() {
        let context = context();
        let renderer = Renderer::new(&context, ["{% macro local(c) %}local_date({{ c }}, '{{ var('zone') }}'){% endmacro %}\n"]);
        let sql = "{{ config(materialized='view') }}\nselect {{ local('at') }}, {{ dbt.date_trunc('month', 'd') }} from {{ ref('a') }} join {{ source('crm', 'b') }}";
        let rendered = renderer.model(sql).unwrap();
        assert_eq!(rendered.text, "select local_date(at, 'Europe/Berlin'), date_trunc('month', d) from \"a\" join \"crm\".\"b\"");
        assert_eq!(rendered.refs, ["a"]);
        assert_eq!(rendered.sources, ["crm.b"]);
    }

    #[test]
    fn a_dialect_is_the_target_and_names_sources_by_one_word() {
        let context = context();
        let macros = ["{% macro kind() %}{{ target.type }}{% endmacro %}\n"];
        let sql = "select '{{ kind() }}' from {{ source('crm', 'b') }} join {{ ref('a') }}";
        assert_eq!(Renderer::new(&context, macros).model(sql).unwrap().text, "select 'polars' from \"crm\".\"b\" join \"a\"");
        let spark = Renderer::new(&context, macros).speaking(Dialect::Spark).model(sql).unwrap();
        assert_eq!(spark.text, "select 'spark' from \"source__crm__b\" join \"a\"");
        assert_eq!(spark.sources, ["crm.b"]);
    }

    #[test]
    fn faults_name_the_line_of_the_model() {
        let context = context();
        let renderer = Renderer::new(&context, ["{% macro m() %}\nx\n{% endmacro %}"]);
        let error = renderer.model("select 1,\n  {{ var('zne') }}").unwrap_err();
        assert_eq!((error.line, error.message.as_str()), (2, "var `zne` is not set"));
    }

    #[test]
    fn environment_variables_have_defaults() {
        let context = context();
        let renderer = Renderer::new(&context, []);
        assert_eq!(renderer.text("{{ env_var('LAKE') }}/x").unwrap(), "s3://lake/x");
        assert_eq!(renderer.text("{{ env_var('NONE', 'data') }}/x").unwrap(), "data/x");
        assert_eq!(renderer.text("{{ env_var('NONE') }}/x").unwrap_err(), "environment variable `NONE` is not set");
    }
}
