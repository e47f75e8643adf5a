//! What a model says of how far rows of its sources reach: the ground of incremental runs.
//!
//! In: `config.meta.incremental` of a model. Out: for each source named, the column of its event time, and how many days before and after
//! an event rows of the model may depend on it. A source that is not named may change every row; a model that says nothing is computed
//! anew whenever anything that it reads changes.

use std::cell::RefCell;
use std::collections::BTreeSet;

use chrono::NaiveDate;
use indexmap::IndexMap;

use crate::fault::{Faults, Place};
use crate::jinja::Renderer;
use crate::project::Project;
use crate::reader::MapReader;
use crate::source::ColumnType;
use crate::yaml::Node;

/// How rows of a model depend on the time of events in its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incremental {
    /// Rows of so many days before as-of change with as-of alone; `None` for all of them.
    pub as_of_days: Option<u32>,
    /// Whether rows are kept from run to run, and only those remade that may have changed.
    pub keep_rows: bool,
    /// The column of the model by whose values rows are remade; without it they are remade by the days of its time.
    pub key: Option<String>,
    /// Whether a key has one row, which no event changes whose days it reaches begin after it.
    pub settled_rows: bool,
    /// The sources that have an event time.
    pub sources: IndexMap<String, Reach>,
    /// Where it is declared.
    pub place: Place,
}

/// How far an event of a source reaches in the time of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The column of the source with the event's time; a row without one changes no row of the model.
    /// `None` where a change may touch every row, and no row is hidden by as-of (`seen: always`).
    pub column: Option<String>,
    /// Further columns with times at which a row has an event, such as its end.
    pub further: Vec<String>,
    /// An event may change rows of the model so many days before it; `None` for all days before it.
    pub lookback: Option<u32>,
    /// An event may change rows of the model so many days after it; `None` for all days after it.
    pub lookahead: Option<u32>,
    /// An event on or before this day may change every row: a rate of a fixed day.
    pub everywhere_until: Option<NaiveDate>,
    /// The column of the source with the model's key: a row of the source decides rows of its own key alone.
    pub key: Option<String>,
    /// What a row of the source without a key decides: rows of the model without one on the days that its event reaches (`keyless: days`),
    /// or none.
    pub keyless_days: bool,
}

impl Reach {
    /// The columns with times of events; none where a change may touch every row.
    pub fn columns(&self) -> impl Iterator<Item = &String> + Clone {
        self.column.iter().chain(self.column.iter().flat_map(|_| &self.further))
    }
}

/// Reads `config.meta.incremental` of a model.
pub(crate) fn read_incremental(node: &Node, what: &str, at: &Declared<'_>) -> Option<Incremental> {
    let entry = node.get("config")?.get("meta")?.get("incremental")?;
    let reader = MapReader::new(entry, at.file, format!("{what}: `incremental`"), at.faults);
    let as_of_days = at.days(&reader, "as_of_days");
    let keep_rows = reader.boolean("keep_rows").unwrap_or(false);
    let key = reader.text("key");
    if let Some(key) = key.as_ref().filter(|_| !keep_rows) {
        reader.fault(reader.place_of("key").line, format!("{}: key `key`: rows are remade by `{key}` where they are kept: expected `keep_rows: true`", reader.what()));
    }
    let settled_rows = reader.boolean("settled_rows").unwrap_or(false);
    if settled_rows && key.is_none() {
        reader.fault(reader.place_of("settled_rows").line, format!("{}: key `settled_rows`: a row is that of its key: expected a `key` of the model too", reader.what()));
    }
    let mut sources = IndexMap::new();
    if let Some(of_sources) = reader.node("sources") {
        for source in of_sources.entries() {
            let nested = reader.nested(&source.node, format!("{what}: `incremental` of `{}`", source.key));
            let (lookback, lookahead) = (at.days(&nested, "lookback"), at.days(&nested, "lookahead"));
            let everywhere_until = at.day(&nested, "everywhere_until");
            let always = nested.text("seen");
            if let Some(other) = always.as_deref().filter(|seen| *seen != "always") {
                nested.unknown("seen", "seen", other, ["always"]);
            }
            let column = if always.is_some() { nested.text("event_time") } else { nested.required("event_time") };
            let of_source = nested.text("key");
            if let Some(column) = of_source.as_ref().filter(|_| key.is_none()) {
                nested.fault(nested.place_of("key").line, format!("{}: key `key`: `{column}` has no counterpart: expected a `key` of the model too", nested.what()));
            }
            let keyless = nested.text("keyless");
            if let Some(other) = keyless.as_deref().filter(|keyless| *keyless != "days") {
                nested.unknown("keyless", "keyless", other, ["days"]);
            }
            let keyless_days = of_source.is_some() && keyless.is_some();
            let further = nested.texts("further_times").into_iter().map(|(name, _)| name).collect();
            sources.insert(source.key.clone(), Reach { column, further, lookback, lookahead, everywhere_until, key: of_source, keyless_days });
            nested.finish();
        }
    }
    reader.finish();
    Some(Incremental { as_of_days, keep_rows, key, settled_rows, sources, place: reader.place() })
}

/// Where something is declared.
pub(crate) struct Declared<'a> {
    pub(crate) file: &'a str,
    pub(crate) renderer: &'a Renderer<'a>,
    pub(crate) faults: &'a RefCell<Faults>,
}

impl Declared<'_> {
    /// A number of days, which may be a template; 0 where nothing is said, `None` for `all`.
    fn days(&self, reader: &MapReader<'_>, key: &'static str) -> Option<u32> {
        let Some(text) = self.text(reader, key) else { return Some(0) };
        if text == "all" {
            return None;
        }
        let days = text.parse().ok();
        if days.is_none() {
            reader.fault(reader.place_of(key).line, format!("{}: key `{key}`: expected a number of days or `all`, found `{text}`", reader.what()));
        }
        days
    }

    /// A day, which may be a template; `None` where nothing is said.
    fn day(&self, reader: &MapReader<'_>, key: &'static str) -> Option<NaiveDate> {
        let text = self.text(reader, key)?;
        let day = text.parse().ok();
        if day.is_none() {
            reader.fault(reader.place_of(key).line, format!("{}: key `{key}`: expected a date, found `{text}`", reader.what()));
        }
        day
    }

    fn text(&self, reader: &MapReader<'_>, key: &'static str) -> Option<String> {
        let template = reader.text(key)?;
        let rendered = self.renderer.text(&template);
        rendered.map(|text| text.trim().to_owned()).map_err(|message| reader.fault(reader.place_of(key).line, format!("{}: key `{key}`: {message}", reader.what()))).ok()
    }
}

/// Every source that a model names is one that it reads, by a column that is a time.
pub(crate) fn check_incremental(project: &Project, faults: &mut Faults) {
    for model in project.models.values() {
        let Some(incremental) = &model.incremental else { continue };
        if incremental.keep_rows && model.semantics.as_ref().is_none_or(|semantics| semantics.agg_time_dimension.is_none()) {
            faults.add(&incremental.place, format!("model `{}`: rows are kept by the days of its time: expected an `agg_time_dimension`", model.name));
        }
        let read: BTreeSet<&str> = project.sources_behind(&model.name).into_iter().map(String::as_str).collect();
        for (name, reach) in &incremental.sources {
            let schema = name.split('.').next();
            if !project.sources.values().any(|source| Some(source.schema.as_str()) == schema) {
                // A lake of other sources, put under the packaged models: nothing is said of them.
                continue;
            }
            let Some(source) = project.sources.get(name).filter(|_| read.contains(name.as_str())) else {
                faults.unknown(&incremental.place, &format!("source that model `{}` reads:", model.name), name, read.iter().copied());
                continue;
            };
            let is_time = |kind| matches!(kind, ColumnType::Date | ColumnType::Instant | ColumnType::Timestamp);
            let times = source.columns.iter().filter(|column| is_time(column.data_type)).map(|column| column.name.as_str());
            let columns = source.columns.iter().map(|column| column.name.as_str());
            if let Some(key) = reach.key.as_ref().filter(|key| !columns.clone().any(|column| column == key.as_str())) {
                faults.unknown(&incremental.place, &format!("column of `{name}`:"), key, columns);
            }
            for wanted in reach.columns().filter(|wanted| !times.clone().any(|column| column == wanted.as_str())) {
                faults.unknown(&incremental.place, &format!("time column of `{name}`:"), wanted, times.clone());
            }
        }
    }
}
