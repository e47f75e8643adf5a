//! Facts as CTEs: the rows of a model with their local day, the items to group and filter by, and the values to aggregate.
//!
//! In: what is asked of one model. Out: a query with one row for each row of the model that as-of lets us see.
//! A key that repeats would add rows here; the program refuses it, SQL cannot.

use indexmap::IndexMap;
use quotient_model::{DimensionKind, EntityKind, GroupItem, Hop, ItemColumn, Project, TimePart, quoted, resolve_item};

use crate::engine::BaseRequest;
use crate::error::MetricsError;
use crate::polars_engine::PolarsEngine;
use crate::time_item::{day_and_instant, part_of_day, type_of};

/// The local day that a row is counted by.
pub(crate) const DAY: &str = "__day";
const EVENT: &str = "__event";
const KEY: &str = "__key";
const FROM: &str = "__valid_from";
const TO: &str = "__valid_to";

/// A fact in the making.
struct Fact<'r, 'a> {
    engine: &'r PolarsEngine<'r>,
    need: &'r BaseRequest<'a>,
    day: String,
    /// Columns of the model itself: name and SQL.
    own: IndexMap<String, String>,
    /// Joins by their paths, each after those it starts from.
    joins: IndexMap<String, Join>,
    /// Items, with the table that has each.
    items: IndexMap<String, String>,
}

struct Join {
    table: String,
    model: String,
    /// The key on the left: table and column.
    left: (String, String),
    key: String,
    validity: Option<(String, String)>,
    columns: IndexMap<String, String>,
}

/// The column of a measure's expression.
pub(crate) fn measure_column(need: &BaseRequest<'_>, expr: &str) -> String {
    let place = need.measures.iter().position(|measure| measure.expr == expr).unwrap_or_default();
    format!("__value{place}")
}

/// The query of a fact; and the models that it reads.
pub(crate) fn fact(engine: &PolarsEngine<'_>, need: &BaseRequest<'_>, as_of: &str) -> Result<(String, Vec<String>), MetricsError> {
    let mut fact = Fact::new(engine, need)?;
    let filters = || need.measures.iter().flat_map(|measure| &measure.filters);
    let of_metrics = filters().flat_map(|filter| &filter.metrics).flat_map(|metric| &metric.group_by);
    for item in need.groupings.iter().flat_map(|grouping| &grouping.slice).chain(filters().flat_map(|filter| &filter.items)).chain(of_metrics) {
        fact.add_item(item)?;
    }
    fact.own.extend(need.keep.iter().cloned());
    for measure in &need.measures {
        fact.own.insert(measure_column(need, measure.expr), measure.expr.to_owned());
    }
    let models = std::iter::once(need.model.to_owned()).chain(fact.joins.values().map(|join| join.model.clone())).collect();
    Ok((fact.query(as_of), models))
}

/// The local day that the rows of a model are counted by, and the instant.
pub(crate) fn moments(engine: &PolarsEngine<'_>, need: &BaseRequest<'_>) -> Result<(String, String), MetricsError> {
    let semantics = engine.project().models.get(need.model).and_then(|m| m.semantics.as_ref());
    let time = semantics.and_then(|s| s.dimension(need.time)).ok_or_else(|| MetricsError::Unknown { what: "time dimension", name: need.time.to_owned(), near: None })?;
    day_of(engine, need.model, &time.expr)?.ok_or_else(|| MetricsError::Definition {
        metric: metric_of(need),
        message: format!("time dimension `{}` of model `{}` is neither a date nor a timestamp", need.time, need.model),
    })
}

impl<'r, 'a> Fact<'r, 'a> {
    fn new(engine: &'r PolarsEngine<'r>, need: &'r BaseRequest<'a>) -> Result<Self, MetricsError> {
        let (day, event) = moments(engine, need)?;
        let own = IndexMap::from([(DAY.to_owned(), day.clone()), (EVENT.to_owned(), event)]);
        Ok(Self { engine, need, day, own, joins: IndexMap::new(), items: IndexMap::new() })
    }

    fn project(&self) -> &'r Project {
        self.engine.project()
    }

    fn add_item(&mut self, item: &str) -> Result<(), MetricsError> {
        if self.items.contains_key(item) {
            return Ok(());
        }
        let found = resolve_item(self.project(), self.need.model, item).map_err(|message| MetricsError::Group { metric: metric_of(self.need), message })?;
        let sql = self.sql_of(item, &found)?;
        let table = self.reach(&found.path);
        match self.joins.values_mut().find(|join| join.table == table) {
            Some(join) => join.columns.insert(item.to_owned(), sql),
            None => self.own.insert(item.to_owned(), sql),
        };
        self.items.insert(item.to_owned(), table);
        Ok(())
    }

    /// An item as SQL over the model that has its column.
    fn sql_of(&self, item: &str, found: &GroupItem<'_>) -> Result<String, MetricsError> {
        let calendar = &self.project().calendar;
        // Dates stay dates: an engine may give a timestamp for the start of a period.
        let part_of = |day: &str| found.part.map_or_else(|| day.to_owned(), |part| period(&part_of_day(calendar, part, day), part));
        let expr = match found.column {
            ItemColumn::MetricTime => return Ok(part_of(&self.day)),
            ItemColumn::Dimension(dimension) => &dimension.expr,
            ItemColumn::Key(entity) => &entity.expr,
        };
        if found.part.is_none() {
            return Ok(expr.clone());
        }
        let model = found.path.last().map_or(self.need.model, |hop| hop.model.name.as_str());
        let (day, _) = day_of(self.engine, model, expr)?
            .ok_or_else(|| MetricsError::Group { metric: metric_of(self.need), message: format!("`{item}` of model `{model}` is neither a date nor a timestamp") })?;
        Ok(part_of(&day))
    }

    /// The table at the end of a path, with every join on the way.
    fn reach(&mut self, path: &[Hop<'_>]) -> String {
        let mut table = "own".to_owned();
        let mut id = String::new();
        for hop in path {
            let key = format!("__key_{}", hop.from.name);
            match self.joins.get_mut(&id) {
                Some(join) => join.columns.insert(key.clone(), hop.from.expr.clone()),
                None => self.own.insert(key.clone(), hop.from.expr.clone()),
            };
            id = format!("{id}{} to {}, ", hop.from.name, hop.model.name);
            let next = format!("join{}", self.joins.len() + 1);
            let join = self.joins.entry(id.clone()).or_insert_with(|| Join::new(next, (table.clone(), key), hop));
            table.clone_from(&join.table);
        }
        table
    }

    /// Whether a column of the model itself is read later; instants and keys served for the joins, unless they were asked for.
    fn is_kept(&self, name: &str) -> bool {
        let is_for_joins = name == EVENT || name.starts_with("__key_");
        let is_asked_for = self.need.keep.iter().any(|(kept, _)| kept == name);
        (is_asked_for || !is_for_joins) && !self.items.contains_key(name)
    }

    fn query(&self, as_of: &str) -> String {
        let mut columns: Vec<String> = self.own.keys().filter(|name| self.is_kept(name)).map(|name| format!("\"own\".{}", quoted(name))).collect();
        columns.extend(self.items.iter().map(|(item, table)| format!("{}.{}", quoted(table), quoted(item))));
        let joins = self.joins.values().map(Join::query).fold(String::new(), |text, join| text + "\n" + &join);
        let mut kept = vec![format!("\"own\".{} < instant('{as_of}')", quoted(EVENT))];
        for (bound, sign) in [(self.need.from, ">="), (self.need.to, "<")] {
            kept.extend(bound.map(|day| format!("\"own\".{} {sign} CAST('{day}' AS DATE)", quoted(DAY))));
        }
        format!("SELECT {}\nFROM (\n  SELECT {}\n  FROM {}\n) AS \"own\"{joins}\nWHERE {}", columns.join(", "), selected(&self.own), quoted(self.need.model), kept.join(" AND "))
    }
}

impl Join {
    fn new(table: String, left: (String, String), hop: &Hop<'_>) -> Self {
        let expr_of = |kind| hop.model.semantics.as_ref().and_then(|s| s.dimensions.iter().find(|d| d.kind == kind)).map(|d| d.expr.clone());
        Self {
            table,
            model: hop.model.name.clone(),
            left,
            key: hop.to.expr.clone(),
            validity: if hop.to.kind == EntityKind::Natural { expr_of(DimensionKind::ValidFrom).zip(expr_of(DimensionKind::ValidTo)) } else { None },
            columns: IndexMap::new(),
        }
    }

    fn query(&self) -> String {
        let mut columns = IndexMap::from([(KEY.to_owned(), self.key.clone())]);
        columns.extend(self.columns.clone());
        let table = quoted(&self.table);
        let mut on = format!("{}.{} = {table}.{}", quoted(&self.left.0), quoted(&self.left.1), quoted(KEY));
        if let Some((from, to)) = &self.validity {
            columns.insert(FROM.to_owned(), from.clone());
            columns.insert(TO.to_owned(), to.clone());
            let (from, to, event) = (format!("{table}.{}", quoted(FROM)), format!("{table}.{}", quoted(TO)), format!("\"own\".{}", quoted(EVENT)));
            on = format!("{on}\n  AND ({from} IS NULL OR {from} <= {event}) AND ({to} IS NULL OR {event} < {to})");
        }
        format!("LEFT JOIN (\n  SELECT {}\n  FROM {}\n) AS {table} ON {on}", selected(&columns), quoted(&self.model))
    }
}

/// The first day of a period as a date; a number as it is.
fn period(sql: &str, part: TimePart) -> String {
    match part {
        TimePart::Grain(_) => format!("CAST({sql} AS DATE)"),
        TimePart::Number(_) => sql.to_owned(),
    }
}

/// The local day and the instant of a time; `None` of what is no time.
fn day_of(engine: &PolarsEngine<'_>, model: &str, expr: &str) -> Result<Option<(String, String)>, MetricsError> {
    let kind = type_of(engine, model, &engine.computed(model)?, expr)?;
    Ok(day_and_instant(&kind, expr, engine.project().calendar.zone.name()))
}

fn metric_of(need: &BaseRequest<'_>) -> String {
    need.measures.first().map(|m| m.metric.to_owned()).unwrap_or_default()
}

fn selected(columns: &IndexMap<String, String>) -> String {
    columns.iter().map(|(name, sql)| format!("{sql} AS {}", quoted(name))).collect::<Vec<_>>().join(", ")
}
