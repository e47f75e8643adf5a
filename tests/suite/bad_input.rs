//! Bad input, as a user meets it: the whole text on stderr and the exit code, for each mistake.
//!
//! The texts are `tests/cli/errors/<name>.txt`, the temporary folder in them is `[ROOT]`.
//! With `QUOTIENT_BLESS=1` the files are written anew from what the program says: read the change before it is committed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{Field, Schema};
use harness::{Call, Fixture, Results, Said, assert_none, check_all, files_below, root};

const CHECK: &[&str] = &["check"];
const RUN: &[&str] = &["run", "jobs/nightly.yml"];

/// A mistake, and the call in which it shows.
struct Mistake {
    /// Name of the file with the text.
    name: &'static str,
    code: i32,
    arguments: &'static [&'static str],
    /// Makes the mistake, in a folder with a good project in `jobs` and a lake of empty tables in `lake`.
    make: fn(&Fixture),
}

static MISTAKES: [Mistake; 25] = [
    Mistake { name: "missing_table", code: 4, arguments: CHECK, make: |fixture| fs::remove_dir_all(fixture.lake().join("leads")).unwrap() },
    Mistake { name: "missing_columns", code: 4, arguments: CHECK, make: missing_columns },
    Mistake { name: "wrong_types", code: 4, arguments: CHECK, make: wrong_types },
    Mistake { name: "torn_file", code: 4, arguments: CHECK, make: torn_file },
    Mistake { name: "no_parquet", code: 4, arguments: CHECK, make: |fixture| fs::write(fixture.file("leads"), "lead_id,created_at\n").unwrap() },
    Mistake { name: "unreachable_bucket", code: 4, arguments: &["check"], make: |_| () },
    Mistake { name: "unknown_metric", code: 2, arguments: &["query", "--metrics", "revenu"], make: |_| () },
    Mistake { name: "unknown_dimension", code: 2, arguments: &["query", "--metrics", "revenue", "--group-by", "rep__tem"], make: |_| () },
    Mistake {
        name: "unknown_metric_in_job",
        code: 3,
        arguments: &["plan", "job.yml"],
        make: |fixture| job(fixture, "name: job\nresults: results\ntables:\n  - name: sales\n    metrics: [revenu]\n"),
    },
    Mistake {
        name: "missing_env_var",
        code: 3,
        arguments: &["plan", "job.yml"],
        make: |fixture| job(fixture, "name: job\nresults: \"{{ env_var('RESULTS_OF_SALES') }}\"\ntables:\n  - name: sales\n    metrics: [revenue]\n"),
    },
    Mistake { name: "cyclic_ref", code: 3, arguments: CHECK, make: cyclic_ref },
    Mistake { name: "unknown_ref", code: 3, arguments: CHECK, make: |fixture| model(fixture, "extra.sql", "SELECT *\nFROM {{ ref('stg_leeds') }}\n") },
    Mistake { name: "bad_yaml", code: 3, arguments: CHECK, make: |fixture| model(fixture, "extra.yml", "models:\n  - name: [one\n    description: two\n") },
    Mistake { name: "bad_sql", code: 3, arguments: CHECK, make: |fixture| customers(fixture, "SELECT customer_id\nFORM {{ ref('stg_customers') }}\n") },
    Mistake { name: "unknown_column_in_sql", code: 3, arguments: CHECK, make: |fixture| customers(fixture, "SELECT custommer_id\nFROM {{ ref('stg_customers') }}\n") },
    Mistake { name: "unknown_key_column", code: 3, arguments: CHECK, make: unknown_key_column },
    Mistake {
        name: "key_types",
        code: 3,
        arguments: CHECK,
        make: |fixture| customers(fixture, "SELECT CAST(substr(customer_id, 2) AS BIGINT) AS customer_id, segment, industry, territory\nFROM {{ ref('stg_customers') }}\n"),
    },
    Mistake {
        name: "unsupported_sql",
        code: 3,
        arguments: CHECK,
        make: |fixture| customers(fixture, "SELECT customer_id, segment, count(*) AS n\nFROM {{ ref('stg_customers') }}\nGROUP BY ROLLUP (customer_id, segment)\n"),
    },
    Mistake {
        name: "legacy_spec",
        code: 3,
        arguments: CHECK,
        make: |fixture| model(fixture, "extra.yml", "semantic_models:\n  - name: sales\n    model: ref('sales_lines')\n    measures:\n      - name: units\n        agg: sum\n"),
    },
    Mistake { name: "unavailable_metric", code: 4, arguments: &["query", "--metrics", "average_deal_size,orders"], make: |fixture| without(fixture, "opportunities", "amount") },
    Mistake {
        name: "required_metric",
        code: 4,
        arguments: &["run", "job.yml"],
        make: |fixture| {
            without(fixture, "opportunities", "closed_at");
            fs::remove_dir_all(fixture.lake().join("feedback")).unwrap();
            job(fixture, "name: job\nresults: results\ntables:\n  - name: sales\n    metrics: [revenue, nps, won_deals, csat]\nrequired: [nps, won_deals]\n");
        },
    },
    Mistake {
        name: "unknown_table_in_backfill",
        code: 2,
        arguments: &["backfill", "jobs/nightly.yml", "--from", "2024-01-01", "--to", "2024-01-31", "--tables", "revenu"],
        make: |_| (),
    },
    Mistake { name: "unknown_run", code: 2, arguments: &["runs", "show", "jobs/nightly.yml", "abc"], make: |_| () },
    Mistake {
        name: "no_schedule",
        code: 3,
        arguments: &["schedule", "export", "job.yml", "--format", "cron"],
        make: |fixture| job(fixture, "name: job\nresults: results\ntables:\n  - name: sales\n    metrics: [revenue]\n"),
    },
    Mistake { name: "unwritable_results", code: 5, arguments: RUN, make: |fixture| fs::write(fixture.root().join("results"), "a file, not a folder").unwrap() },
];

#[test]
fn every_mistake_has_its_message_and_exit_code() {
    let mistakes: Vec<(String, &Mistake)> = MISTAKES.iter().map(|mistake| (mistake.name.to_owned(), mistake)).collect();
    assert_none(&check_all(&mistakes, |mistake| faults(mistake)));
}

#[test]
fn every_text_belongs_to_a_mistake() {
    let names: BTreeSet<String> = MISTAKES.iter().map(|mistake| format!("{}.txt", mistake.name)).collect();
    let files: BTreeSet<String> = files_below(&root().join("tests/cli/errors")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(files, names);
}

#[test]
fn an_empty_table_is_no_mistake() {
    let fixture = Fixture::empty();
    copy_project(&fixture);
    let said = call(&fixture, &["query", "--format", "csv", "--metrics", "leads,revenue", "--group-by", "metric_time__month"], "lake");
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), "metric_time__month,leads,revenue\r\n"), "{}", said.stderr);
    // The main job, with models that keep their rows, and none to keep.
    let said = call(&fixture, &["run", "jobs/nightly.yml", "--quiet"], "lake");
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let results = Results::open(fixture.root().join("results").to_str().unwrap(), &BTreeMap::new());
    assert_eq!(results.csv("sales_volume").lines().count(), 1);
}

/// What is wrong with what the program says of a mistake.
fn faults(mistake: &Mistake) -> Vec<String> {
    let fixture = Fixture::empty();
    copy_project(&fixture);
    (mistake.make)(&fixture);
    let said = call(&fixture, mistake.arguments, if mistake.name == "unreachable_bucket" { "s3://lake" } else { "lake" });
    let stderr = said.stderr.replace(fixture.root().to_str().unwrap(), "[ROOT]");
    let file = root().join("tests/cli/errors").join(format!("{}.txt", mistake.name));
    if std::env::var("QUOTIENT_BLESS").as_deref() == Ok("1") {
        fs::write(&file, &stderr).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    let mut faults = Vec::new();
    if stderr != expected {
        faults.push(format!("expected on stderr\n{expected}\nfound\n{stderr}"));
    }
    if said.code != Some(mistake.code) {
        faults.push(format!("expected exit code {}, found {:?}", mistake.code, said.code));
    }
    if !said.stdout.is_empty() {
        faults.push(format!("expected nothing on stdout, found\n{}", said.stdout));
    }
    faults
}

/// The program in the fixture's folder. No store answers at port 1.
fn call(fixture: &Fixture, arguments: &[&str], lake: &str) -> Said {
    let lake = if lake.contains("://") { lake.into() } else { fixture.root().join(lake) };
    let mut arguments = arguments.to_vec();
    arguments.extend(["--as-of", "2025-01-01T00:00:00Z"]);
    Call::new(&arguments)
        .inside(&fixture.root())
        .env("QUOTIENT_LAKE", lake)
        .env("QUOTIENT_RESULTS", fixture.root().join("results"))
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .run()
}

fn copy_project(fixture: &Fixture) {
    let to = fixture.root().join("jobs");
    for (name, from) in files_below(&root().join("jobs")) {
        // What dbt leaves behind is no part of the project.
        if !name.starts_with("target/") && !name.starts_with("logs/") {
            write(&to.join(&name), &fs::read(from).unwrap());
        }
    }
}

/// Adds a file to the models of the project.
fn model(fixture: &Fixture, name: &str, text: &str) {
    write(&fixture.root().join("jobs/models/extra").join(name), text.as_bytes());
}

/// Replaces a model that no other reads, and that dimensions stand on.
fn customers(fixture: &Fixture, sql: &str) {
    write(&fixture.root().join("jobs/models/dimensions/customers.sql"), sql.as_bytes());
}

/// Adds a job file beside the project.
fn job(fixture: &Fixture, text: &str) {
    write(&fixture.root().join("job.yml"), text.as_bytes());
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn cyclic_ref(fixture: &Fixture) {
    model(fixture, "chicken.sql", "SELECT * FROM {{ ref('egg') }}\n");
    model(fixture, "egg.sql", "SELECT * FROM {{ ref('chicken') }}\n");
}

/// A key that is misspelt, one that is gone, in two tables.
fn missing_columns(fixture: &Fixture) {
    let leads = fixture.read("leads");
    let leads = changed(&leads, "lead_id", Some(&("leadid", leads.column(0).clone())));
    fixture.write_files("leads", [leads]);
    fixture.write_files("order_lines", [changed(&fixture.read("order_lines"), "quantity", None)]);
}

/// A table without an optional column.
fn without(fixture: &Fixture, table: &str, column: &str) {
    fixture.write_files(table, [changed(&fixture.read(table), column, None)]);
}

/// Amounts as text, and instants too.
fn wrong_types(fixture: &Fixture) {
    for (table, column) in [("leads", "created_at"), ("order_lines", "amount")] {
        let batch = fixture.read(table);
        let texts: ArrayRef = Arc::new(StringArray::new_null(batch.num_rows()));
        fixture.write_files(table, [changed(&batch, column, Some(&(column, texts)))]);
    }
}

/// A model that keeps its rows by a column that it does not have.
fn unknown_key_column(fixture: &Fixture) {
    let path = fixture.root().join("jobs/models/acquisition/acquisition.yml");
    let text = fs::read_to_string(&path).unwrap();
    let changed = text.replacen("          key: customer_id\n", "          key: custommer_id\n", 1);
    assert_ne!(changed, text);
    fs::write(path, changed).unwrap();
}

/// The first half of a file, as an upload that was cut off leaves it.
fn torn_file(fixture: &Fixture) {
    let bytes = fs::read(fixture.file("order_lines")).unwrap();
    fs::write(fixture.file("order_lines"), &bytes[..bytes.len() / 2]).unwrap();
}

/// A batch in which a column is another one, or gone.
fn changed(batch: &RecordBatch, column: &str, to: Option<&(&str, ArrayRef)>) -> RecordBatch {
    let pairs = batch.schema_ref().fields().iter().zip(batch.columns()).filter_map(|(field, array)| {
        if field.name() != column {
            return Some((field.as_ref().clone(), Arc::clone(array)));
        }
        to.map(|(name, array)| (Field::new(*name, array.data_type().clone(), true), Arc::clone(array)))
    });
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = pairs.unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
}
