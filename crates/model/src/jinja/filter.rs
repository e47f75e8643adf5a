//! Filters: SQL conditions whose templates name group-by items and metrics.
//!
//! In: `{{ Dimension('rep__team') }} = 'A'` and its like. Out: the condition over quoted columns, and what these columns are.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Kwargs, Object, Rest};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior, Value};

use super::{message_of, quoted};

/// A filter with what it refers to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// A SQL condition in which every group-by item and every metric is a quoted column of its name.
    pub sql: String,
    /// The items, such as `rep__team`, `metric_time__month` or `customer`, each once.
    pub items: Vec<String>,
    /// The metrics whose values are compared, each once.
    pub metrics: Vec<MetricRef>,
}

/// A metric in a filter: its value over all time, for each value of some items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricRef {
    /// The metric.
    pub name: String,
    /// The items that it is grouped by; entities as a rule.
    pub group_by: Vec<String>,
    /// The column that it is in the condition.
    pub column: String,
}

impl Filter {
    /// Renders `{{ Dimension('rep__team') }} = 'A'` and its like.
    ///
    /// Known are `Dimension`, `TimeDimension`, `Entity` and `Metric`, and of dimensions `.grain('month')` and `.date_part('dow')`.
    ///
    /// # Errors
    /// What is wrong with the template: an unknown function, a missing argument. Names are not looked up here.
    pub fn parse(template: &str) -> Result<Self, String> {
        let seen = Arc::new(Mutex::new(Self::default()));
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let shared = Arc::clone(&seen);
        environment.add_function("Dimension", move |given: Rest<Value>, options: Kwargs| Item::read("Dimension", &given, &options, &shared));
        let shared = Arc::clone(&seen);
        environment.add_function("TimeDimension", move |given: Rest<Value>, options: Kwargs| Item::read("TimeDimension", &given, &options, &shared));
        let shared = Arc::clone(&seen);
        environment.add_function("Entity", move |given: Rest<Value>, options: Kwargs| Item::read("Entity", &given, &options, &shared));
        let shared = Arc::clone(&seen);
        environment.add_function("Metric", move |given: Rest<Value>, options: Kwargs| metric(&given, &options, &shared));
        let sql = environment.render_str(template, ()).map_err(|e| message_of(&e))?;
        let found = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Self { sql, ..found })
    }
}

/// An item as a template has it: it counts as referred to when it is written into the condition.
#[derive(Debug)]
struct Item {
    name: String,
    /// The last word of the item: a granularity, or a date part.
    word: Option<String>,
    seen: Arc<Mutex<Filter>>,
}

impl Item {
    /// Reads the arguments of a function: the name, for a time dimension its granularity, and the path in front of the name.
    fn read(function: &str, given: &[Value], options: &Kwargs, seen: &Arc<Mutex<Filter>>) -> Result<Value, Error> {
        let name = given.first().and_then(Value::as_str).ok_or_else(|| missing(function, "a name"))?;
        let mut given = given.iter().skip(1);
        let mut next = |key: &str| -> Result<Option<Value>, Error> { given.next().map_or_else(|| options.get(key), |value| Ok(Some(value.clone()))) };
        let grain = if function == "TimeDimension" { next("time_granularity_name")? } else { None };
        let path = next("entity_path")?;
        let part: Option<String> = options.get("date_part_name")?;
        options.assert_all_used()?;
        let mut names = path.map(|path| texts(function, &path)).transpose()?.unwrap_or_default();
        names.push(name.to_owned());
        let grain = grain.as_ref().and_then(Value::as_str).map(str::to_lowercase);
        let word = part.map(|part| extract(&part)).or(grain);
        Ok(Value::from_object(Self { name: names.join("__"), word, seen: Arc::clone(seen) }))
    }

    fn item(&self) -> String {
        self.word.as_ref().map_or_else(|| self.name.clone(), |word| format!("{}__{word}", self.name))
    }
}

impl Object for Item {
    fn call_method(self: &Arc<Self>, _state: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let argument = args.first().and_then(Value::as_str).ok_or_else(|| missing(method, "a name"))?;
        let word = match method {
            // A part is finer than the period it is asked for with, whatever the order.
            "grain" => self.word.clone().filter(|word| word.starts_with("extract_")).or_else(|| Some(argument.to_lowercase())),
            "date_part" => Some(extract(argument)),
            other => return Err(Error::new(ErrorKind::InvalidOperation, format!("expected `grain` or `date_part` after `{}`, found `{other}`", self.name))),
        };
        Ok(Value::from_object(Self { name: self.name.clone(), word, seen: Arc::clone(&self.seen) }))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let item = self.item();
        let column = quoted(&item);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !seen.items.contains(&item) {
            seen.items.push(item);
        }
        f.write_str(&column)
    }
}

fn metric(given: &[Value], options: &Kwargs, seen: &Mutex<Filter>) -> Result<String, Error> {
    let name = given.first().and_then(Value::as_str).ok_or_else(|| missing("Metric", "a name"))?.to_owned();
    let group_by: Option<Value> = given.get(1).cloned().map_or_else(|| options.get("group_by"), |value| Ok(Some(value)))?;
    options.assert_all_used()?;
    let group_by = group_by.map(|items| texts("Metric", &items)).transpose()?.unwrap_or_default();
    if group_by.is_empty() {
        return Err(missing(&format!("Metric('{name}')"), "`group_by` with at least one entity"));
    }
    let column = format!("{name} by {}", group_by.join(", "));
    let sql = quoted(&column);
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if !seen.metrics.iter().any(|known| known.column == column) {
        seen.metrics.push(MetricRef { name, group_by, column });
    }
    Ok(sql)
}

fn texts(function: &str, list: &Value) -> Result<Vec<String>, Error> {
    // A text is a sequence of its characters to Jinja.
    if list.as_str().is_some() {
        return Err(Error::new(ErrorKind::InvalidOperation, format!("{function}: expected a list of names, found `{list}`")));
    }
    let text = |value: Value| value.as_str().map(str::to_owned);
    list.try_iter()?.map(text).collect::<Option<Vec<String>>>().ok_or_else(|| missing(function, "a list of names"))
}

fn extract(part: &str) -> String {
    format!("extract_{}", part.to_lowercase())
}

fn missing(function: &str, what: &str) -> Error {
    Error::new(ErrorKind::MissingArgument, format!("{function} needs {what}"))
}

#[cfg(test)]
mod tests {
    use super::{Filter, MetricRef};

    #[test]
    fn filters_name_their_items() {
        let filter = Filter::parse("{{ Dimension('rep__team') }} = 'A' and {{ TimeDimension('metric_time', 'DAY') }} > '2024-01-01'").unwrap();
        assert_eq!(filter.sql, "\"rep__team\" = 'A' and \"metric_time__day\" > '2024-01-01'");
        assert_eq!(filter.items, ["rep__team", "metric_time__day"]);
        assert!(Filter::parse("{{ Dimensio('x') }}").is_err());
    }

    #[test]
    fn periods_and_parts_are_said_in_several_ways() {
        let items = |template: &str| Filter::parse(template).unwrap().items;
        assert_eq!(items("{{ Dimension('metric_time').grain('month') }} = 1"), ["metric_time__month"]);
        assert_eq!(items("{{ Dimension('deal__created_at').grain('month').date_part('dow') }} = 1"), ["deal__created_at__extract_dow"]);
        assert_eq!(items("{{ Dimension('deal__created_at').date_part('dow').grain('month') }} = 1"), ["deal__created_at__extract_dow"]);
        assert_eq!(items("{{ TimeDimension('deal__created_at', date_part_name='YEAR') }} = 2024"), ["deal__created_at__extract_year"]);
        assert_eq!(items("{{ Dimension('region__name', entity_path=['customer']) }} = 'x'"), ["customer__region__name"]);
        assert_eq!(items("{{ Entity('region', ['customer']) }} = 'x'"), ["customer__region"]);
    }

    #[test]
    fn metrics_are_columns() {
        let filter = Filter::parse("{{ Metric('revenue', group_by=['customer']) }} > 100 or {{ Metric('revenue', ['customer']) }} < 0").unwrap();
        assert_eq!(filter.sql, "\"revenue by customer\" > 100 or \"revenue by customer\" < 0");
        let metric = MetricRef { name: "revenue".to_owned(), group_by: vec!["customer".to_owned()], column: "revenue by customer".to_owned() };
        assert_eq!((filter.metrics, filter.items.len()), (vec![metric], 0));
    }

    #[test]
    fn wrong_calls_are_explained() {
        let error = |template: &str| Filter::parse(template).unwrap_err();
        assert!(error("{{ Metric('revenue') }} > 1").ends_with("Metric('revenue') needs `group_by` with at least one entity"));
        assert!(error("{{ Metric('revenue', group_by='customer') }} > 1").ends_with("Metric: expected a list of names, found `customer`"));
        assert!(error("{{ Dimension() }} = 1").ends_with("Dimension needs a name"));
        assert!(error("{{ Dimension('metric_time').grian('month') }} = 1").ends_with("expected `grain` or `date_part` after `metric_time`, found `grian`"));
    }
}
