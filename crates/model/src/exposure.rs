//! Exposures: who uses what outside of the project, as dbt's `exposures:` say.
//!
//! In: YAML. Out: [`Exposure`]; a type that dbt does not have, or a name that the project does not have, is a fault.
//! Nothing is computed from them: they are shown where a definition is explained.

use std::cell::RefCell;

use crate::fault::{Faults, Place};
use crate::project::Project;
use crate::reader::MapReader;
use crate::yaml::Node;

const TYPES: [&str; 5] = ["dashboard", "notebook", "analysis", "ml", "application"];
const MATURITIES: [&str; 3] = ["high", "medium", "low"];

/// A use of the project's numbers outside of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    /// The name.
    pub name: String,
    /// The label for people; the name where none is given.
    pub label: String,
    /// dashboard, notebook, analysis, ml or application.
    pub kind: String,
    /// high, medium, low, or empty.
    pub maturity: String,
    /// Where it is, or empty.
    pub url: String,
    /// What it is for.
    pub description: String,
    /// Who answers for it: name, address, or both.
    pub owner: String,
    /// What it uses.
    pub depends_on: Vec<Dependency>,
    /// Where it is declared.
    pub place: Place,
}

/// Something that an exposure uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// What it is.
    pub kind: DependencyKind,
    /// Its name; of a source `schema.table`.
    pub name: String,
    /// Where it is said.
    pub place: Place,
}

/// What an exposure may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DependencyKind {
    /// A model: `ref('name')`.
    Model,
    /// A source: `source('schema', 'table')`.
    Source,
    /// A metric: `metric('name')`.
    Metric,
}

impl Exposure {
    /// Whether it uses a metric by name.
    #[must_use]
    pub fn uses_metric(&self, name: &str) -> bool {
        self.depends_on.iter().any(|used| used.kind == DependencyKind::Metric && used.name == name)
    }

    /// Whether it uses a model by name.
    #[must_use]
    pub fn uses_model(&self, name: &str) -> bool {
        self.depends_on.iter().any(|used| used.kind == DependencyKind::Model && used.name == name)
    }
}

/// Reads one entry of an `exposures:` list.
pub(crate) fn read_exposure(file: &str, node: &Node, faults: &RefCell<Faults>) -> Option<Exposure> {
    let reader = MapReader::new(node, file, "exposure", faults);
    let name = reader.required("name")?;
    let reader = reader.named(format!("exposure `{name}`"));
    reader.ignore(&["config", "meta", "tags", "group", "enabled"]);
    let kind = reader.required("type").unwrap_or_default();
    if !kind.is_empty() && !TYPES.contains(&kind.as_str()) {
        reader.unknown("type", "exposure type", &kind, TYPES);
    }
    let maturity = reader.text("maturity").unwrap_or_default();
    if !maturity.is_empty() && !MATURITIES.contains(&maturity.as_str()) {
        reader.unknown("maturity", "maturity", &maturity, MATURITIES);
    }
    let owner = read_owner(&reader);
    let mut depends_on = Vec::new();
    for (text, line) in reader.texts("depends_on") {
        match dependency_of(&text) {
            Some((kind, name)) => depends_on.push(Dependency { kind, name, place: reader.place_at(line) }),
            None => reader.fault(line, format!("{}: expected `ref('model')`, `source('schema', 'table')` or `metric('name')`, found `{text}`", reader.what())),
        }
    }
    let exposure = Exposure {
        label: reader.text("label").unwrap_or_else(|| name.clone()),
        kind,
        maturity,
        url: reader.text("url").unwrap_or_default(),
        description: reader.text("description").unwrap_or_default(),
        owner,
        depends_on,
        place: reader.place(),
        name,
    };
    reader.finish();
    Some(exposure)
}

fn read_owner(reader: &MapReader<'_>) -> String {
    let Some(owner) = reader.map("owner") else {
        reader.fault(reader.place().line, format!("{}: missing key `owner`", reader.what()));
        return String::new();
    };
    owner.ignore(&["config"]);
    let (name, email) = (owner.text("name"), owner.text("email"));
    owner.finish();
    match (name, email) {
        (Some(name), Some(email)) => format!("{name} <{email}>"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => {
            owner.fault(owner.place().line, format!("{}: expected `name` or `email`, found neither", owner.what()));
            String::new()
        }
    }
}

/// What `ref('closed_deals')` and its like name.
fn dependency_of(text: &str) -> Option<(DependencyKind, String)> {
    let (function, rest) = text.trim().split_once('(')?;
    let given: Vec<&str> = rest.strip_suffix(')')?.split(',').map(|word| word.trim().trim_matches(['\'', '"'])).collect();
    match (function.trim(), given.as_slice()) {
        // A package may stand before the model.
        ("ref", [.., name]) => Some((DependencyKind::Model, (*name).to_owned())),
        ("source", [schema, table]) => Some((DependencyKind::Source, format!("{schema}.{table}"))),
        ("metric", [.., name]) => Some((DependencyKind::Metric, (*name).to_owned())),
        _ => None,
    }
}

/// Reports every name in an exposure that the project does not have.
pub(crate) fn check_exposure(project: &Project, exposure: &Exposure, faults: &mut Faults) {
    for used in &exposure.depends_on {
        let (what, known): (&str, Vec<&str>) = match used.kind {
            DependencyKind::Model => ("model", project.models.keys().map(String::as_str).collect()),
            DependencyKind::Source => ("source", project.sources.keys().map(String::as_str).collect()),
            DependencyKind::Metric => ("metric", project.metrics.keys().map(String::as_str).collect()),
        };
        if !known.contains(&used.name.as_str()) {
            faults.unknown(&used.place, &format!("{what} of exposure `{}`:", exposure.name), &used.name, known);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::project::{Project, ProjectFiles, Settings};

    fn parse(exposures: &str) -> Result<Project, String> {
        let models = [("models/orders.sql".to_owned(), "SELECT 1 AS order_id".to_owned()), ("models/exposures.yml".to_owned(), exposures.to_owned())];
        let files = ProjectFiles { project: "name: shop\n".to_owned(), models: models.into(), ..ProjectFiles::default() };
        Project::parse(&files, &Settings::default()).map_err(|error| error.faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn an_exposure_says_who_uses_what() {
        let yaml = "exposures:\n  - name: board\n    label: Board\n    type: dashboard\n    maturity: high\n    url: https://bi.example/board\n    owner: {name: Ada, email: ada@example.com}\n    depends_on: [\"ref('orders')\"]\n";
        let project = parse(yaml).unwrap();
        let board = &project.exposures["board"];
        assert_eq!((board.label.as_str(), board.kind.as_str(), board.owner.as_str()), ("Board", "dashboard", "Ada <ada@example.com>"));
        assert!(board.uses_model("orders") && !board.uses_metric("orders"));
    }

    #[test]
    fn every_fault_of_an_exposure_is_found_in_one_pass() {
        let yaml = "exposures:
  - name: board
    type: dashbord
    maturity: hi
    owner: {}
    depends_on:
      - ref('order')
      - source('crm', 'orders')
      - metric('revenue')
      - orders
  - name: board
    type: notebook
    owner: {name: Ada}
  - name: nobody
    type: notebook
";
        assert_eq!(
            parse(yaml).unwrap_err(),
            "models/exposures.yml:3: unknown exposure type `dashbord`
  hint: did you mean `dashboard`?
models/exposures.yml:4: unknown maturity `hi`
models/exposures.yml:5: exposure `board` `owner`: expected `name` or `email`, found neither
models/exposures.yml:7: unknown model of exposure `board`: `order`
  hint: did you mean `orders`?
models/exposures.yml:8: unknown source of exposure `board`: `crm.orders`
models/exposures.yml:9: unknown metric of exposure `board`: `revenue`
models/exposures.yml:10: exposure `board`: expected `ref('model')`, `source('schema', 'table')` or `metric('name')`, found `orders`
models/exposures.yml:11: exposure `board` is already defined at models/exposures.yml:2
models/exposures.yml:14: exposure `nobody`: missing key `owner`"
        );
    }
}
