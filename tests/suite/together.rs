//! Tables whose requests are answered together, where a dimension stands on the source of the fact itself.
//!
//! Rows of some days are made from some files of the fact's own source; the dimension needs all of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use harness::{Results, demo_lake, project_over, root};
use quotient_jobs::{Again, AtOnce, BackfillRequest, ChunkOrder, OpenRequest, Silent, Workspace};
use quotient_model::Grain;
use tempfile::TempDir;

const MODELS: &str = "
version: 2
models:
  - name: bought_lines
    description: \"Order lines. Grain: one row per order line.\"
    config:
      meta:
        incremental: {as_of_days: 0, sources: {crm.order_lines: {event_time: ordered_at}}}
    semantic_model:
      enabled: true
    agg_time_dimension: ordered_at
    columns:
      - {name: line_key, description: key of the line, entity: {type: primary, name: bought_line}}
      - {name: customer_id, description: who bought, entity: {type: foreign, name: buyer}}
      - {name: ordered_at, description: when, granularity: microsecond, dimension: {type: time}}
    metrics:
      - {name: bought_units, label: Units bought, type: simple, agg: sum, expr: quantity}
  - name: buyers
    description: \"Customers that bought. Grain: one row per customer.\"
    semantic_model:
      enabled: true
    columns:
      - {name: customer_id, description: the customer, entity: {type: primary, name: buyer}}
      - {name: first_day, description: day of the first order, dimension: categorical}
";

const LINES: &str = "
SELECT
    order_lines.order_id || '#' || CAST(order_lines.line_number AS VARCHAR) AS line_key,
    order_lines.customer_id AS customer_id,
    order_lines.ordered_at AS ordered_at,
    order_lines.quantity AS quantity
FROM {{ ref('stg_order_lines') }} AS order_lines
";

const BUYERS: &str = "
SELECT
    order_lines.customer_id AS customer_id,
    CAST(min(order_lines.ordered_on) AS VARCHAR) AS first_day
FROM {{ ref('stg_order_lines') }} AS order_lines
WHERE order_lines.customer_id IS NOT NULL
GROUP BY order_lines.customer_id
";

const JOB: &str = "
name: together
results: \"{{ env_var('QUOTIENT_RESULTS') }}\"
periods: {grains: [day, month]}
tables:
  - {name: in_all, metrics: [bought_units], slices: [[]]}
  - {name: by_first_day, metrics: [bought_units], slices: [[buyer__first_day]]}
";

/// The packaged project with these models beside its own.
fn write_project(folder: &Path) {
    let language = fs::read_to_string(root().join("tests/projects/language/dbt_project.yml")).unwrap();
    let text = language.replace("../../../jobs", root().join("jobs").to_str().unwrap());
    assert_ne!(text, language);
    fs::create_dir_all(folder.join("models")).unwrap();
    for (file, text) in [("dbt_project.yml", text.as_str()), ("models/bought.yml", MODELS), ("models/bought_lines.sql", LINES), ("models/buyers.sql", BUYERS), ("job.yml", JOB)] {
        fs::write(folder.join(file), text).unwrap();
    }
}

#[test]
fn a_dimension_over_the_source_of_its_fact_sees_all_of_it() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    demo_lake(&at("lake"));
    write_project(&at("project"));
    let open = |results: &str| {
        let request = project_over(&at("project"), &at("lake"), "2025-04-01T00:00:00Z");
        let mut env = request.env.clone();
        env.insert("QUOTIENT_RESULTS".to_owned(), at(results).to_str().unwrap().to_owned());
        Workspace::open(&OpenRequest { env, ..request }).unwrap()
    };
    let (whole, in_parts) = (open("whole"), open("in parts"));
    whole.run(&whole.job(&at("project/job.yml")).unwrap(), &Silent).unwrap();
    let request = BackfillRequest {
        from: "2024-01-01".parse().unwrap(),
        to: "2025-03-31".parse().unwrap(),
        chunk: Grain::Quarter,
        tables: Vec::new(),
        metrics: Vec::new(),
        order: ChunkOrder::OldestFirst,
        again: Again::Keep,
        at_once: AtOnce::default(),
    };
    in_parts.backfill(&in_parts.job(&at("project/job.yml")).unwrap(), &request, &Silent).unwrap().unwrap();
    for table in ["in_all", "by_first_day"] {
        let rows = |results: &str| Results::open(at(results).to_str().unwrap(), &BTreeMap::new()).sorted_without(table, &["run_id", "computed_at"]);
        let expected = rows("whole");
        assert!(expected.lines().count() > 400, "{table} has {} lines", expected.lines().count());
        assert!(rows("in parts") == expected, "{table}");
    }
}
