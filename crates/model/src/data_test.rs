//! Data tests: what must hold of the rows of a source table or a model, and how old they may be.
//!
//! In: dbt's `data_tests:` (or `tests:`) and `freshness:` in YAML. Out: [`DataTest`] and [`Freshness`]; whatever cannot be read is a fault.
//! Nothing here runs a test: `jobs` makes SQL of it.

use std::fmt;

use crate::fault::Place;
use crate::jinja::{Renderer, quoted};
use crate::reader::MapReader;
use crate::yaml::{Node, Value};

const NAMES: [&str; 6] = ["unique", "not_null", "accepted_values", "relationships", "expression_is_true", "dbt_utils.expression_is_true"];
/// What dbt puts under `config:` of a test and that means nothing here.
const IGNORED: [&str; 8] = ["enabled", "tags", "meta", "store_failures", "store_failures_as", "database", "schema", "alias"];

/// Something that must hold of every row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct DataTest {
    /// Its name: the given one, or one made of rule, table and column.
    pub name: String,
    /// The table: `schema.table` of a source, or the name of a model.
    pub table: String,
    /// The column, or the expression that is tested instead of one; `None` for a rule of whole rows.
    pub column: Option<String>,
    /// The column or expression as SQL; empty for a rule of whole rows.
    pub sql: String,
    /// What must hold.
    pub rule: Rule,
    /// Whether a failure stops a run.
    pub severity: Severity,
    /// SQL: only rows for which it is true are tested.
    pub filter: Option<String>,
    /// From which count on a failure is an error, where the severity is one.
    pub error_if: Threshold,
    /// From which count on a failure is a warning.
    pub warn_if: Threshold,
    /// Failures above this number are not counted.
    pub limit: Option<u64>,
    /// Whether rows that fail are kept out of the models (`config.meta.exclude`).
    pub excludes: bool,
    /// Where it is declared.
    pub place: Place,
}

/// What must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// No value is on two rows; nulls do not count.
    Unique,
    /// No value is null.
    NotNull,
    /// Every value that is not null is one of these.
    AcceptedValues {
        /// The values as texts.
        values: Vec<String>,
        /// Whether they are texts in SQL too, and not numbers or booleans.
        quote: bool,
    },
    /// Every value that is not null is in a column of another table.
    Relationships {
        /// The other table: `schema.table` of a source, or the name of a model.
        to: String,
        /// The column there.
        field: String,
    },
    /// A SQL condition is not false; null passes.
    ExpressionIsTrue {
        /// The condition; after a column it starts with an operator.
        expression: String,
    },
}

impl Rule {
    /// dbt's name of the rule.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Unique => "unique",
            Self::NotNull => "not_null",
            Self::AcceptedValues { .. } => "accepted_values",
            Self::Relationships { .. } => "relationships",
            Self::ExpressionIsTrue { .. } => "expression_is_true",
        }
    }
}

/// Whether a failure stops a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// It is recorded.
    Warn,
    /// It stops the run where the count is over its limit.
    Error,
}

impl Severity {
    /// `warn` or `error`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// How a test came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Nothing to say.
    Pass,
    /// Recorded.
    Warn,
    /// The run stops.
    Error,
}

impl Outcome {
    /// `pass`, `warn` or `error`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A count compared with a bound, as `> 10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    operator: &'static str,
    bound: u64,
}

impl Default for Threshold {
    fn default() -> Self {
        Self { operator: "!=", bound: 0 }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.operator, self.bound)
    }
}

impl Threshold {
    /// Reads `>10`, `>= 10`, `!=0` and their like.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // The longer operators first: `>=` starts with `>`.
        let operator = [">=", "<=", "!=", "<>", "==", ">", "<", "="].into_iter().find(|operator| text.starts_with(operator))?;
        let bound = text[operator.len()..].trim().parse().ok()?;
        Some(Self { operator, bound })
    }

    /// Whether a count is over the limit that this says.
    #[must_use]
    pub fn holds(&self, count: u64) -> bool {
        match self.operator {
            ">=" => count >= self.bound,
            "<=" => count <= self.bound,
            ">" => count > self.bound,
            "<" => count < self.bound,
            "=" | "==" => count == self.bound,
            _ => count != self.bound,
        }
    }
}

impl DataTest {
    /// What a count of failures means: as in dbt, a test of severity `error` that is under its `error_if` may still warn.
    #[must_use]
    pub fn outcome(&self, count: u64) -> Outcome {
        if self.severity == Severity::Error && self.error_if.holds(count) {
            Outcome::Error
        } else if self.warn_if.holds(count) {
            Outcome::Warn
        } else {
            Outcome::Pass
        }
    }

    /// The condition under which a row passes; `None` for a rule that one row alone does not decide.
    #[must_use]
    pub fn passes(&self) -> Option<String> {
        let sql = &self.sql;
        match &self.rule {
            Rule::Unique | Rule::Relationships { .. } => None,
            Rule::NotNull => Some(format!("({sql}) IS NOT NULL")),
            Rule::AcceptedValues { values, quote } => {
                let literal = |value: &String| if *quote { format!("'{}'", value.replace('\'', "''")) } else { value.clone() };
                let list: Vec<String> = values.iter().map(literal).collect();
                Some(format!("(({sql}) IS NULL OR ({sql}) IN ({}))", list.join(", ")))
            }
            Rule::ExpressionIsTrue { expression } => Some(format!("({sql} {expression}\n) IS NOT FALSE")),
        }
    }
}

/// How old the newest row of a source table may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// The column or SQL expression that says when a row came in: an instant, a timestamp in UTC, or a date.
    pub loaded_at: String,
    /// Older than this is a warning.
    pub warn_after: Option<Age>,
    /// Older than this is an error.
    pub error_after: Option<Age>,
    /// SQL: only rows for which it is true count.
    pub filter: Option<String>,
    /// Where it is declared.
    pub place: Place,
}

/// An age: so many minutes, hours or days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// How many.
    pub count: u32,
    /// `minute`, `hour` or `day`.
    pub period: &'static str,
}

impl Age {
    /// The age in microseconds; a day has 24 hours.
    #[must_use]
    pub fn micros(self) -> i64 {
        let seconds = match self.period {
            "minute" => 60,
            "hour" => 3_600,
            _ => 86_400,
        };
        i64::from(self.count) * seconds * 1_000_000
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.count, self.period, if self.count == 1 { "" } else { "s" })
    }
}

/// What tests are read of.
pub(crate) struct Tested<'a> {
    /// `schema.table` of a source, or the name of a model.
    pub(crate) table: &'a str,
    /// Whether it is a source.
    pub(crate) source: bool,
    /// The column that they stand under.
    pub(crate) column: Option<&'a str>,
    /// Renders what dbt renders.
    pub(crate) renderer: &'a Renderer<'a>,
}

impl Tested<'_> {
    fn what(&self) -> String {
        match self.column {
            Some(column) => format!("`{}`, column `{column}`", self.table),
            None => format!("`{}`", self.table),
        }
    }
}

/// Reads `data_tests:` and `tests:` of a table or a column.
pub(crate) fn read_tests(reader: &MapReader<'_>, on: &Tested<'_>) -> Vec<DataTest> {
    let items = reader.list("data_tests").iter().chain(reader.list("tests"));
    items.filter_map(|node| read_test(reader, node, on)).collect()
}

fn read_test(outer: &MapReader<'_>, node: &Node, on: &Tested<'_>) -> Option<DataTest> {
    let nothing = Node { line: node.line, value: Value::Map(Vec::new()) };
    let (kind, body) = match (&node.value, node.entries()) {
        (Value::Text(name), _) => (name.clone(), &nothing),
        (Value::Map(_), _) if node.get("test_name").is_some() => (node.get("test_name")?.text()?, node),
        (Value::Map(_), [entry]) if entry.node.value == Value::Null => (entry.key.clone(), &nothing),
        (Value::Map(_), [entry]) => (entry.key.clone(), &entry.node),
        (Value::Map(_), entries) => {
            outer.fault(node.line, format!("a test of {}: expected one name with its arguments, found {} keys", on.what(), entries.len()));
            return None;
        }
        _ => {
            outer.fault(node.line, format!("a test of {}: expected its name, found {}", on.what(), node.kind()));
            return None;
        }
    };
    if !NAMES.contains(&kind.as_str()) {
        outer.unknown_at(node.line, &format!("data test of {}:", on.what()), &kind, NAMES);
        return None;
    }
    let body = outer.nested(body, format!("test `{kind}` of {}", on.what()));
    body.ignore(&["description", "test_name"]);
    let arguments = body.map("arguments");
    let args = arguments.as_ref().unwrap_or(&body);
    let rule = read_rule(args, kind.trim_start_matches("dbt_utils."), on);
    let column = match (on.column, &rule) {
        (Some(name), _) => Some((name.to_owned(), quoted(name))),
        (None, Some(Rule::ExpressionIsTrue { .. })) => None,
        (None, _) => args.required("column_name").map(|sql| (sql.clone(), sql)),
    };
    let given = body.text("name");
    let config = body.map("config");
    let limits = Limits::read(config.as_ref(), on)?;
    body.finish();
    if let Some(arguments) = &arguments {
        arguments.finish();
    }
    let rule = rule.filter(|_| limits.enabled)?;
    if limits.excludes && (!on.source || matches!(rule, Rule::Unique | Rule::Relationships { .. })) {
        outer.fault_with_hint(
            node.line,
            format!("{}: `exclude` is for tests of one row of a source: not_null, accepted_values, expression_is_true", body.what()),
            "leave the rows out in the SQL of a model",
        );
    }
    let prefix = if on.source { "source_" } else { "" };
    let suffix = on.column.map(|name| format!("_{name}")).unwrap_or_default();
    Some(DataTest {
        name: given.unwrap_or_else(|| format!("{prefix}{}_{}{suffix}", rule.name(), on.table.replace('.', "_"))),
        table: on.table.to_owned(),
        sql: column.as_ref().map(|(_, sql)| sql.clone()).unwrap_or_default(),
        column: column.map(|(name, _)| name),
        rule,
        severity: limits.severity,
        filter: limits.filter,
        error_if: limits.error_if,
        warn_if: limits.warn_if,
        limit: limits.limit,
        excludes: limits.excludes,
        place: outer.place_at(node.line),
    })
}

fn read_rule(args: &MapReader<'_>, kind: &str, on: &Tested<'_>) -> Option<Rule> {
    match kind {
        "unique" => Some(Rule::Unique),
        "not_null" => Some(Rule::NotNull),
        "accepted_values" => {
            let values: Vec<String> = args.texts("values").into_iter().map(|(text, _)| text).collect();
            let quote = args.boolean("quote").unwrap_or(true);
            if values.is_empty() {
                args.fault(args.place().line, format!("{}: expected at least one of `values`, found none", args.what()));
            }
            Some(Rule::AcceptedValues { values, quote })
        }
        "relationships" => {
            let (to, field) = (args.required("to"), args.required("field"));
            let to = to?;
            let Some(table) = relation_of(&to) else {
                args.fault(args.place_of("to").line, format!("{}: key `to`: expected `ref('model')` or `source('schema', 'table')`, found `{to}`", args.what()));
                return None;
            };
            Some(Rule::Relationships { to: table, field: field? })
        }
        _ => {
            let expression = args.required("expression")?;
            Some(Rule::ExpressionIsTrue { expression: rendered(args, "expression", &expression, on.renderer)? })
        }
    }
}

/// The name under which `ref('model')` or `source('schema', 'table')` is known.
pub(crate) fn relation_of(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("{{").and_then(|inner| inner.strip_suffix("}}")).unwrap_or(text).trim();
    let (function, arguments) = text.strip_suffix(')')?.split_once('(')?;
    let names: Vec<&str> = arguments.split(',').map(|name| name.trim().trim_matches(['\'', '"'])).collect();
    match (function.trim(), names.as_slice()) {
        ("ref", [.., model]) => Some((*model).to_owned()),
        ("source", [schema, table]) => Some(format!("{schema}.{table}")),
        _ => None,
    }
}

fn rendered(reader: &MapReader<'_>, key: &str, template: &str, renderer: &Renderer<'_>) -> Option<String> {
    renderer.text(template).map_err(|message| reader.fault(reader.place_of(key).line, format!("{}: key `{key}`: {message}", reader.what()))).ok()
}

/// What stands under `config:` of a test.
struct Limits {
    enabled: bool,
    severity: Severity,
    filter: Option<String>,
    error_if: Threshold,
    warn_if: Threshold,
    limit: Option<u64>,
    excludes: bool,
}

impl Limits {
    /// `None` where a value has no meaning.
    fn read(config: Option<&MapReader<'_>>, on: &Tested<'_>) -> Option<Self> {
        let mut limits =
            Self { enabled: true, severity: Severity::Error, filter: None, error_if: Threshold::default(), warn_if: Threshold::default(), limit: None, excludes: false };
        let Some(config) = config else { return Some(limits) };
        config.ignore(&IGNORED);
        limits.enabled = config.boolean("enabled").unwrap_or(true);
        match config.text("severity").map(|text| text.to_lowercase()).as_deref() {
            None | Some("error") => {}
            Some("warn") => limits.severity = Severity::Warn,
            Some(other) => config.unknown("severity", "severity", other, ["warn", "error"]),
        }
        if let Some(template) = config.text("where") {
            limits.filter = Some(rendered(config, "where", &template, on.renderer)?);
        }
        for (key, threshold) in [("error_if", &mut limits.error_if), ("warn_if", &mut limits.warn_if)] {
            let Some(text) = config.text(key) else { continue };
            match Threshold::parse(&text) {
                Some(read) => *threshold = read,
                None => config.fault(config.place_of(key).line, format!("{}: key `{key}`: expected a comparison with a count such as `> 10`, found `{text}`", config.what())),
            }
        }
        limits.limit = config.integer("limit").and_then(|count| u64::try_from(count).ok());
        limits.excludes = config.node("meta").and_then(|meta| meta.get("exclude")).is_some_and(|value| value.value == Value::Boolean(true));
        config.finish();
        Some(limits)
    }
}

/// Reads `freshness:` and `loaded_at_field:` of a source table, each from the table, its `config:`, the source or its `config:`.
///
/// `freshness: null` on the table takes away that of the source.
pub(crate) fn read_freshness(table: &Node, source: &Node, reader: &MapReader<'_>, on: &Tested<'_>) -> Option<Freshness> {
    let levels = [Some(table), table.get("config"), Some(source), source.get("config")];
    let first = |key: &str| levels.into_iter().flatten().find_map(|level| level.get(key));
    let node = first("freshness").filter(|node| node.value != Value::Null)?;
    let rules = reader.nested(node, format!("freshness of `{}`", on.table));
    let age = |key: &'static str| {
        let age = rules.map(key)?;
        let (count, period) = (age.integer("count"), age.required("period"));
        age.finish();
        let period = period?;
        let Some(known) = ["minute", "hour", "day"].into_iter().find(|name| *name == period) else {
            age.unknown("period", &format!("period of freshness of `{}`:", on.table), &period, ["minute", "hour", "day"]);
            return None;
        };
        let Some(count) = count.and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0) else {
            age.fault(age.place().line, format!("{}: key `count`: expected a whole number above 0", age.what()));
            return None;
        };
        Some(Age { count, period: known })
    };
    let (warn_after, error_after) = (age("warn_after"), age("error_after"));
    let filter = match rules.text("filter") {
        Some(template) => Some(rendered(&rules, "filter", &template, on.renderer)?),
        None => None,
    };
    rules.finish();
    if warn_after.is_none() && error_after.is_none() {
        return None;
    }
    let Some(loaded_at) = first("loaded_at_field").and_then(Node::text).filter(|text| !text.is_empty()) else {
        rules.fault(node.line, format!("{}: missing key `loaded_at_field`", rules.what()));
        return None;
    };
    Some(Freshness { loaded_at: rendered(&rules, "loaded_at_field", &loaded_at, on.renderer)?, warn_after, error_after, filter, place: rules.place() })
}

#[cfg(test)]
mod tests;
