//! A query as one statement: which CTEs it takes, in which order, and the rows at its end.
//!
//! In: a project and a query. Out: text. The query is first put to an engine over empty sources: what it refuses is refused here with
//! the same words, and the types that it finds are those of the statement.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use quotient_model::{Dialect, Project, quoted};

use super::cell_set::{Beside, PERIOD, side_by_side};
use super::derived::refused;
use super::facts::fact;
use super::filters::requests_of_filters;
use super::sources::source;
use super::speech::spoken;
use super::typing::{empty_engine, kinds_of};
use crate::cells::Kind;
use crate::engine::{BaseGrouping, BaseRequest, ConversionRequest};
use crate::error::MetricsError;
use crate::group_columns::GroupColumns;
use crate::needs::{CellRequest, Reached, find, needs_of, reach};
use crate::polars_engine::PolarsEngine;
use crate::query::{QueryRequest, query};

/// What is to be compiled.
#[derive(Debug, Clone)]
pub struct CompileRequest {
    /// The query.
    pub query: QueryRequest,
    /// The dialect of the statement.
    pub dialect: Dialect,
    /// Where the files of each source are, by `schema.table`: a path or URL that the other engine can read, with `*` and `**`.
    /// A source that is not here is read from its location as the project has it.
    pub locations: BTreeMap<String, String>,
}

/// The statement that answers a query over the files of a lake.
///
/// Its rows and columns are those of [`query`]: counts and decimals to the last digit, doubles up to their rounding.
///
/// # Errors
/// What [`query`] refuses of the definitions; a construct that cannot be compiled, by name; a model that cannot be rendered for the dialect.
pub fn compile(project: &Project, request: &CompileRequest, as_of: DateTime<Utc>) -> Result<String, MetricsError> {
    let engine = empty_engine(project, as_of)?;
    query(&engine, project, &request.query, as_of)?;
    let groups = GroupColumns::new(project, &request.query.metrics, &request.query.group_by)?;
    let asked = request.query.cells(&groups)?;
    let inner = requests_of_filters(project, &asked)?;
    if (asked.from.is_some() || asked.to.is_some())
        && !inner.is_empty()
        && let Some(name) = asked.metrics.first()
    {
        // Its facts are those of all time, under the names of those of some days.
        return Err(refused(find(project, name)?, "`Metric()` in a filter between days without `metric_time` among the group-bys"));
    }
    let (mut needs, mut conversions) = (Vec::new(), Vec::new());
    for cells in std::iter::once(&asked).chain(&inner) {
        let found = needs_of(project, cells)?;
        needs.extend(found.base.into_values());
        conversions.extend(found.conversions.into_values());
    }
    let mut statement = Statement {
        project,
        engine: &engine,
        today: project.calendar.last_day_before(as_of),
        as_of: as_of.to_rfc3339_opts(SecondsFormat::AutoSi, true),
        kinds: kinds_of(&engine, &needs, &conversions)?,
        needs,
        conversions,
        facts: BTreeMap::new(),
        request,
        ctes: Vec::new(),
        cells: BTreeMap::new(),
    };
    let rows = statement.rows(&groups, &asked)?;
    Ok(spoken(request.dialect, &statement.text(&rows)))
}

/// A statement in the making.
pub(crate) struct Statement<'a> {
    pub(crate) project: &'a Project,
    pub(crate) engine: &'a PolarsEngine<'a>,
    /// The local day of as-of.
    pub(crate) today: NaiveDate,
    as_of: String,
    /// The kinds of what is aggregated from facts, by metric.
    pub(crate) kinds: BTreeMap<String, Kind>,
    needs: Vec<BaseRequest<'a>>,
    pub(crate) conversions: Vec<ConversionRequest<'a>>,
    /// The CTEs of facts, by the places of their needs.
    facts: BTreeMap<usize, String>,
    request: &'a CompileRequest,
    /// Names and queries, each after those it reads.
    ctes: Vec<(String, String)>,
    /// The CTEs of cells, by column and grouping.
    pub(crate) cells: BTreeMap<(String, BaseGrouping), String>,
}

impl<'a> Statement<'a> {
    /// The dialect asked for.
    pub(crate) fn dialect(&self) -> Dialect {
        self.request.dialect
    }

    /// Adds a CTE; gives the name that it got.
    pub(crate) fn add(&mut self, wanted: &str, sql: String) -> String {
        let taken = |name: &str| self.ctes.iter().any(|(known, _)| known == name);
        let numbered = (2..).map(|number| format!("{wanted}__{number}"));
        let name = std::iter::once(wanted.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default();
        self.ctes.push((name.clone(), sql));
        name
    }

    /// What a metric asks of a fact, and the CTE of its rows with everything that they stand on.
    pub(crate) fn fact(&mut self, reached: &Reached<'a>, grouping: &BaseGrouping) -> Result<(BaseRequest<'a>, String), MetricsError> {
        let column = reached.column();
        let serves = |need: &BaseRequest<'_>| need.measures.iter().any(|measure| measure.name == column) && need.groupings.contains(grouping);
        let found = self.needs.iter().position(serves).and_then(|place| Some((place, self.needs.get(place)?.clone())));
        let Some((place, need)) = found else { return Err(MetricsError::Unknown { what: "metric", name: reached.metric.name.clone(), near: None }) };
        if let Some(name) = self.facts.get(&place) {
            return Ok((need, name.clone()));
        }
        // The rows of moments and windows are those of one metric.
        let alone = need.measures.first().filter(|_| need.snapshot.is_some() || need.window.is_some()).map(|measure| format!("__{}", measure.metric)).unwrap_or_default();
        let name = self.add_fact(&format!("fact__{}__{}{alone}", need.model, need.time), &need)?;
        self.facts.insert(place, name.clone());
        Ok((need, name))
    }

    /// Adds the rows of a fact; gives the name that they got.
    pub(crate) fn add_fact(&mut self, name: &str, need: &BaseRequest<'a>) -> Result<String, MetricsError> {
        let (sql, models) = fact(self.engine, need, &self.as_of)?;
        for model in models {
            self.model(&model)?;
        }
        Ok(self.add(name, sql))
    }

    /// A model, with the models and sources that it reads.
    fn model(&mut self, name: &str) -> Result<(), MetricsError> {
        let (project, dialect) = (self.project, self.request.dialect);
        for model in project.upstream(name) {
            if self.ctes.iter().any(|(known, _)| *known == model.name) {
                continue;
            }
            for key in &model.sources {
                let Some(table) = project.sources.get(key) else { continue };
                let name = Dialect::source_name(&table.schema, &table.name);
                if self.ctes.iter().all(|(known, _)| *known != name) {
                    let location = self.request.locations.get(key).unwrap_or(&table.location);
                    self.ctes.push((name, source(dialect, table, location)));
                }
            }
            let sql = project.render(model, dialect).map_err(|message| MetricsError::Render { model: model.name.clone(), dialect: dialect.name(), message })?;
            self.ctes.push((model.name.clone(), sql));
        }
        Ok(())
    }

    /// The rows asked for.
    fn rows(&mut self, groups: &GroupColumns, asked: &'a CellRequest) -> Result<String, MetricsError> {
        let (request, project) = (self.request, self.project);
        let query = &request.query;
        let Some(grouping) = asked.groupings.first() else { return Ok(String::new()) };
        let mut columns = Vec::new();
        for name in &query.metrics {
            let reached = reach(project, name, &asked.filters)?;
            let cells = self.cells_of(&reached, grouping)?;
            columns.push(Beside { alias: name.clone(), cells, filler: reached.metric.filler() });
        }
        let mut shown: Vec<String> = groups.sql(&project.calendar).into_iter().map(|(name, sql)| format!("{sql} AS {}", quoted(&name))).collect();
        shown.extend(query.metrics.iter().map(|name| quoted(name)));
        let mut sql = format!("SELECT {}\nFROM (\n{}\n) AS \"cells\"", shown.join(", "), side_by_side(grouping, &columns));
        let bounds = self.bounds(groups);
        if !bounds.is_empty() {
            sql = format!("{sql}\nWHERE {}", bounds.join(" AND "));
        }
        let order = order(query, groups);
        if !order.is_empty() {
            sql = format!("{sql}\nORDER BY {}", order.join(", "));
        }
        let limit = query.limit.map(|limit| format!("\nLIMIT {limit}")).unwrap_or_default();
        Ok(format!("{sql}{limit}"))
    }

    /// The periods asked for; rows are cut where there are none.
    fn bounds(&self, groups: &GroupColumns) -> Vec<String> {
        let Some(grain) = groups.grain else { return Vec::new() };
        let query = &self.request.query;
        let from = query.start.map(|day| format!("{} >= {}", quoted(PERIOD), date(self.project.calendar.start_of(grain, day))));
        let to = query.end.map(|day| format!("{} <= {}", quoted(PERIOD), date(day)));
        from.into_iter().chain(to).collect()
    }

    fn text(&self, rows: &str) -> String {
        let query = &self.request.query;
        let by = if query.group_by.is_empty() { String::new() } else { format!(" by {}", query.group_by.join(", ")) };
        let zone = match self.request.dialect {
            Dialect::DuckDb => "",
            Dialect::Spark => "\n-- Run it with spark.sql.session.timeZone = UTC.",
        };
        // Computed once: several read most of them, and DuckDB 2.0 fails in itself where it inlines some.
        let materialized = |name: &str| if self.request.dialect == Dialect::DuckDb && !name.starts_with("source__") { "AS MATERIALIZED" } else { "AS" };
        let ctes: Vec<String> = self.ctes.iter().map(|(name, sql)| format!("{} {} (\n{}\n)", quoted(name), materialized(name), sql.trim().trim_end_matches(';'))).collect();
        format!("-- {}{by}, as of {}.{zone}\nWITH\n{}\n{rows}\n", query.metrics.join(", "), self.as_of, ctes.join(",\n"))
    }
}

/// The columns to order by, those of the group-bys last.
fn order(query: &QueryRequest, groups: &GroupColumns) -> Vec<String> {
    let asked = query.order.iter().map(|item| match item.strip_prefix('-') {
        Some(item) => format!("{} DESC NULLS LAST", quoted(groups.name_of(item))),
        None => format!("{} NULLS LAST", quoted(groups.name_of(item))),
    });
    let rest = (1..=groups.count()).map(|place| format!("{place} NULLS LAST"));
    asked.chain(rest).collect()
}

/// A day as SQL.
pub(crate) fn date(day: NaiveDate) -> String {
    format!("CAST('{day}' AS DATE)")
}
