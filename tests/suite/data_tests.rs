//! Data tests, freshness and unit tests, by the program: what is found, what stops a run, and what is said.
//!
//! The project has one table, one model and one job; each test writes the rows and the rules that it is about.

use std::fs;
use std::path::Path;

use arrow::array::RecordBatch;
use harness::{Call, Fixture, Results, Said, project_over, row};
use quotient_jobs::{TestRequest, Workspace};

const PROJECT: &str = "name: shop\nvars: {as_of: '2025-01-01T00:00:00Z', time_zone: Europe/Berlin}\n";
const MODEL: &str = "SELECT\n    lead_id,\n    temperature,\n    CAST(created_at AS TIMESTAMP WITH TIME ZONE) AS created_at\nFROM {{ source('crm', 'leads') }}\n";
const JOB: &str = "name: night\nresults: results\nperiods: {grains: [year]}\ntables:\n  - name: leads\n    metrics: [leads]\n    slices: [[]]\n";

/// A project over the tables `leads` and `reps`, with rules of the lead's columns and of the table.
struct Shop {
    fixture: Fixture,
}

impl Shop {
    fn new(table: &str, lead_id: &str, rep_id: &str) -> Self {
        let fixture = Fixture::empty();
        let sources = format!(
            "sources:
  - name: crm
    tables:
      - name: leads
        {table}
        config: {{meta: {{external_location: \"../lake/leads/*.parquet\"}}}}
        columns:
          - {{name: lead_id, data_type: varchar, {lead_id}}}
          - {{name: created_at, data_type: timestamp with time zone}}
          - {{name: temperature, data_type: varchar, data_tests: [{{accepted_values: {{arguments: {{values: [cold, hot]}}, config: {{severity: warn}}}}}}]}}
          - {{name: rep_id, data_type: varchar, {rep_id}}}
      - name: reps
        config: {{meta: {{external_location: \"../lake/reps/*.parquet\"}}}}
        columns:
          - {{name: rep_id, data_type: varchar}}
"
        );
        let models = "models:
  - name: shop_leads
    semantic_model: {enabled: true}
    agg_time_dimension: created_at
    columns:
      - name: lead_id
        entity: {type: primary, name: lead}
      - name: created_at
        granularity: second
        dimension: {type: time}
    metrics:
      - {name: leads, type: simple, agg: count, expr: lead_id}
";
        for (name, text) in [("dbt_project.yml", PROJECT), ("night.yml", JOB), ("models/sources.yml", &sources), ("models/shop.yml", models), ("models/shop_leads.sql", MODEL)] {
            write(&fixture.root().join("jobs").join(name), text);
        }
        fixture.write("leads", &[&LEADS.map(|(id, temperature, rep)| lead(id, temperature, rep))]);
        fixture.write("reps", &[&[row(&[("rep_id", Some("R1".to_owned()))])]]);
        Self { fixture }
    }

    fn add(&self, name: &str, text: &str) {
        write(&self.fixture.root().join("jobs").join(name), text);
    }

    fn call(&self, arguments: &[&str]) -> Said {
        let mut all = arguments.to_vec();
        all.extend(["--as-of", "2025-01-01T00:00:00Z"]);
        Call::new(&all).inside(&self.fixture.root()).run()
    }

    fn results(&self) -> Results {
        Results::open(self.fixture.root().join("results").to_str().unwrap(), &std::collections::BTreeMap::new())
    }
}

/// Lead, temperature, rep: a lead twice, one without a key, two of a rep that nobody knows.
const LEADS: [(&str, &str, &str); 5] = [("L1", "cold", "R1"), ("L2", "tepid", "R9"), ("L2", "hot", "R9"), ("", "hot", ""), ("L3", "", "R1")];

fn lead(id: &str, temperature: &str, rep: &str) -> harness::Row {
    let said = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    row(&[("lead_id", said(id)), ("created_at", Some("2024-05-01T12:00:00Z".to_owned())), ("temperature", said(temperature)), ("rep_id", said(rep))])
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

const WARN: &str = "data_tests: [{unique: {config: {severity: warn}}}, {not_null: {config: {severity: warn}}}]";
const KNOWN_REP: &str = "data_tests: [{relationships: {arguments: {to: \"source('crm', 'reps')\", field: rep_id}, config: {severity: warn}}}]";

#[test]
fn warnings_are_recorded_and_rows_stay() {
    let shop = Shop::new("description: leads", WARN, "description: rep");
    let said = shop.call(&["run", "jobs/night.yml"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let expected = "job,table_name,column_name,rule,test,key_name,count,examples,severity,outcome,computed_at\r\n\
        night,crm.leads,lead_id,not_null,source_not_null_crm_leads_lead_id,lead_id,1,,warn,warn,2025-01-01T00:00:00Z\r\n\
        night,crm.leads,lead_id,unique,source_unique_crm_leads_lead_id,lead_id,1,L2,warn,warn,2025-01-01T00:00:00Z\r\n\
        night,crm.leads,temperature,accepted_values,source_accepted_values_crm_leads_temperature,temperature,1,tepid,warn,warn,2025-01-01T00:00:00Z\r\n";
    assert_eq!(shop.results().csv("kpi_findings"), expected);
    assert_eq!(leads(&shop.results().table("leads")), "4");
}

#[test]
fn an_error_stops_the_run_before_it_publishes() {
    let shop = Shop::new("description: leads", "data_tests: [unique, {not_null: {config: {error_if: '> 1'}}}]", "description: rep");
    let said = shop.call(&["run", "jobs/night.yml"]);
    let expected = "error: 1 data test is over its limit, nothing was published\n\n\
        models/sources.yml:8: `unique` of `crm.leads`, column `lead_id`: found 1, error if != 0; for example `L2`\n";
    assert_eq!((said.code, said.stderr.as_str(), said.stdout.as_str()), (Some(1), expected, ""));
    assert!(!shop.fixture.root().join("results").exists());
}

#[test]
fn rows_that_a_test_excludes_are_in_no_fact() {
    let shop = Shop::new(
        "data_tests: [{expression_is_true: {arguments: {expression: \"temperature <> 'tepid'\"}, config: {severity: warn, meta: {exclude: true}}}}]",
        "description: key",
        "description: rep",
    );
    let said = shop.call(&["run", "jobs/night.yml"]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    // Of four leads with a key, the tepid one is out; the one without temperature passes, as null does.
    assert_eq!(leads(&shop.results().table("leads")), "3");
}

#[test]
fn test_says_every_outcome_and_fails_with_one() {
    let shop = Shop::new("loaded_at_field: created_at\n        freshness: {warn_after: {count: 1, period: day}}", WARN, KNOWN_REP);
    let said = shop.call(&["test", "--format", "csv"]);
    let expected = "outcome,kind,table,column,rule,test,count,examples\r\n\
        warn,data,crm.leads,lead_id,unique,source_unique_crm_leads_lead_id,1,L2\r\n\
        warn,data,crm.leads,lead_id,not_null,source_not_null_crm_leads_lead_id,1,\r\n\
        warn,data,crm.leads,temperature,accepted_values,source_accepted_values_crm_leads_temperature,1,tepid\r\n\
        warn,data,crm.leads,rep_id,relationships,source_relationships_crm_leads_rep_id,2,R9\r\n\
        warn,freshness,crm.leads,created_at,freshness,freshness_crm_leads,1,2024-05-01T12:00:00Z\r\n";
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), expected), "{}", said.stderr);
    let said = shop.call(&["test", "--select", "leds"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(2), "error: unknown test, table or model `leds`\n\nhint: did you mean `leads`?\n"));
}

#[test]
fn stale_sources_are_an_error_after_their_limit() {
    let shop = Shop::new("loaded_at_field: created_at\n        freshness: {error_after: {count: 30, period: day}}", "description: key", "description: rep");
    let said = shop.call(&["run", "jobs/night.yml"]);
    let expected = "error: 1 data test is over its limit, nothing was published\n\n\
        models/sources.yml:6: `freshness` of `crm.leads`, column `created_at`: found 1, error after 30 days; for example `2024-05-01T12:00:00Z`\n";
    assert_eq!((said.code, said.stderr.as_str()), (Some(1), expected));
}

#[test]
fn a_model_that_is_only_tested_is_tested_by_every_run() {
    let shop = Shop::new("description: leads", "description: key", "description: rep");
    shop.add("models/lead_balance.sql", "SELECT count(*) AS all_leads, count(temperature) AS with_temperature FROM {{ ref('shop_leads') }}\n");
    shop.add(
        "models/lead_balance.yml",
        "models:\n  - name: lead_balance\n    data_tests:\n      - expression_is_true:\n          arguments:\n            expression: all_leads = with_temperature\n",
    );
    let said = shop.call(&["run", "jobs/night.yml"]);
    // Of five leads, L3 has no temperature.
    let expected = "error: 1 data test is over its limit, nothing was published\n\n\
        models/lead_balance.yml:4: `expression_is_true` of `lead_balance`: found 1, error if != 0\n";
    assert_eq!((said.code, said.stderr.as_str()), (Some(1), expected));
    assert!(!shop.fixture.root().join("results").exists());
}

#[test]
fn models_of_findings_are_counted_by_rule() {
    let shop = Shop::new("description: leads", "description: key", "description: rep");
    shop.add("models/odd_leads.sql", "SELECT 'no_temperature' AS rule, 'crm.leads' AS table_name, lead_id AS key FROM {{ source('crm', 'leads') }} WHERE temperature IS NULL\n");
    shop.add("models/odd_leads.yml", "models:\n  - name: odd_leads\n    config: {meta: {findings: true}}\n");
    let said = shop.call(&["test", "--select", "odd_leads", "--format", "csv"]);
    let expected = "outcome,kind,table,column,rule,test,count,examples\r\nwarn,findings,crm.leads,,no_temperature,odd_leads,1,L3\r\n";
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), expected), "{}", said.stderr);
}

#[test]
fn tests_of_new_files_find_what_tests_of_all_rows_find() {
    // The last lead of all is one of a condition that looks at other rows.
    let last = "{expression_is_true: {name: last_lead, arguments: {expression: \"lead_id < (SELECT max(lead_id) FROM crm.leads)\"}, config: {severity: warn}}}";
    let hot = "{unique: {name: hot_leads, column_name: lead_id, config: {severity: warn, where: \"temperature = 'hot'\"}}}";
    let shop = Shop::new(&format!("data_tests: [{last}, {hot}]"), WARN, KNOWN_REP);
    // A run tests against the tables that it reads.
    let with_reps = MODEL.replace(
        "FROM {{ source('crm', 'leads') }}",
        "FROM {{ source('crm', 'leads') }}\nWHERE rep_id IS NULL OR rep_id IN (SELECT rep_id FROM {{ source('crm', 'reps') }}) OR TRUE",
    );
    assert_ne!(with_reps, MODEL);
    shop.add("models/shop_leads.sql", &with_reps);
    let fresh = JOB.replace("results: results", "results: fresh");
    assert_ne!(fresh, JOB);
    shop.add("fresh.yml", &fresh);
    let lead_file =
        |name: &str, leads: &[(&str, &str, &str)]| shop.fixture.put("leads", name, &leads.iter().map(|(id, temperature, rep)| lead(id, temperature, rep)).collect::<Vec<_>>());
    let rep_file = |name: &str, rep: &str| shop.fixture.put("reps", name, &[row(&[("rep_id", Some(rep.to_owned()))])]);
    let found = |step: &str| {
        fs::remove_dir_all(shop.fixture.root().join("fresh")).ok();
        for job in ["jobs/night.yml", "jobs/fresh.yml"] {
            let said = shop.call(&["run", job]);
            assert_eq!(said.code, Some(0), "{step}: {}", said.stderr);
        }
        let fresh = Results::open(shop.fixture.root().join("fresh").to_str().unwrap(), &std::collections::BTreeMap::new());
        let (after, anew) = (shop.results().csv("kpi_findings"), fresh.csv("kpi_findings"));
        assert_eq!(after, anew, "{step}");
        let tested = |rows_at_once: u64| {
            let mut workspace = Workspace::open(&project_over(&shop.fixture.root().join("jobs"), &shop.fixture.lake(), "2025-01-01T00:00:00Z")).unwrap();
            workspace.rows_at_once = rows_at_once;
            workspace.test(&TestRequest::default()).unwrap_or_else(|error| panic!("{error}")).results
        };
        assert_eq!(tested(1), tested(1_000), "{step}: tables of many rows are asked file by file");
        let line = |found: &str| {
            let mut fields = found.split(',').skip(3);
            let (rule, test) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            format!("{} {}", if ["last_lead", "hot_leads"].contains(&test) { test } else { rule }, fields.skip(1).take(2).collect::<Vec<_>>().join(" "))
        };
        after.lines().skip(1).map(line).collect::<Vec<_>>()
    };
    shop.fixture.write("leads", &[&[lead("L1", "cold", "R1"), lead("L2", "hot", "R1")]]);
    assert_eq!(found("all is well"), ["last_lead 1 L2"]);
    lead_file("b.parquet", &[("L3", "hot", "R1"), ("L2", "hot", "")]);
    assert_eq!(found("a lead comes again"), ["last_lead 1 L3", "hot_leads 1 L2", "unique 1 L2"]);
    lead_file("c.parquet", &[("L4", "tepid", "R2"), ("", "hot", "R9")]);
    assert_eq!(found("all kinds of failures"), ["last_lead 1 L4", "not_null 1 ", "hot_leads 1 L2", "unique 1 L2", "relationships 2 \"R2", "accepted_values 1 tepid"]);
    lead_file("d.parquet", &[("L5", "cold", "R1")]);
    found("a file without any");
    rep_file("b.parquet", "R2");
    assert_eq!(found("a rep comes late"), ["last_lead 1 L5", "not_null 1 ", "hot_leads 1 L2", "unique 1 L2", "relationships 1 R9", "accepted_values 1 tepid"]);
    lead_file("e.parquet", &[("L6", "tepid", "R8"), ("L1", "warm", "R1")]);
    assert_eq!(found("more failures"), ["last_lead 1 L6", "not_null 1 ", "hot_leads 1 L2", "unique 2 \"L1", "relationships 2 \"R8", "accepted_values 2 \"tepid"]);
    lead_file("f.parquet", &[("L7", "cold", "R9"), ("", "cold", "R7"), ("L8", "cold", "R1")]);
    assert_eq!(found("the same failures once more"), ["last_lead 1 L8", "not_null 2 ", "hot_leads 1 L2", "unique 2 \"L1", "relationships 4 \"R7", "accepted_values 2 \"tepid"]);
    let reps = ["R80", "R81", "R82", "R83", "R84", "R85", "R85", "R86"];
    lead_file("g.parquet", &reps.map(|rep| ("", "cold", rep)));
    let failing = |found: Vec<String>| found.into_iter().find(|line| line.starts_with("relationships")).unwrap();
    assert_eq!(failing(found("more failing values than a finding shows")), "relationships 12 \"R7");
    rep_file("c.parquet", "R7");
    lead_file("h.parquet", &[("", "cold", "R7"), ("", "cold", "R87")]);
    assert_eq!(failing(found("a rep comes who was the first example")), "relationships 12 \"R8");
    rep_file("d.parquet", "R85");
    assert_eq!(failing(found("a rep comes who was no example")), "relationships 10 \"R8");
    rep_file("e.parquet", "R1");
    lead_file("i.parquet", &[("", "cold", "R70")]);
    assert_eq!(failing(found("a rep comes once more")), "relationships 11 \"R70");
    for file in ["leads/f", "leads/g", "leads/h", "leads/i", "reps/c", "reps/d", "reps/e"] {
        fs::remove_file(shop.fixture.lake().join(file).with_extension("parquet")).unwrap();
    }
    lead_file("e.parquet", &[("L6", "cold", "R1")]);
    assert_eq!(found("a file is another one"), ["last_lead 1 L6", "not_null 1 ", "hot_leads 1 L2", "unique 1 L2", "relationships 1 R9", "accepted_values 1 tepid"]);
    fs::remove_file(shop.fixture.lake().join("leads/c.parquet")).unwrap();
    assert_eq!(found("a file is gone"), ["last_lead 1 L6", "hot_leads 1 L2", "unique 1 L2"]);
    fs::remove_file(shop.fixture.lake().join("reps/b.parquet")).unwrap();
    shop.fixture.put("reps", "part-0.parquet", &[row(&[("rep_id", Some("R2".to_owned()))])]);
    assert_eq!(found("a rep is gone"), ["last_lead 1 L6", "hot_leads 1 L2", "unique 1 L2", "relationships 5 R1"]);
}

#[test]
fn unit_tests_show_the_rows_that_differ() {
    let shop = Shop::new("description: leads", "description: key", "description: rep");
    shop.add(
        "models/unit.yml",
        "unit_tests:
  - name: passes
    model: shop_leads
    given: [{input: \"source('crm', 'leads')\", rows: [{lead_id: A, created_at: '2024-05-01T12:00:00Z'}, {lead_id: B}]}]
    expect: {rows: [{lead_id: B, created_at: null}, {lead_id: A, created_at: '2024-05-01T14:00:00+02:00'}]}
  - name: fails
    model: shop_leads
    given: [{input: \"source('crm', 'leads')\", rows: [{lead_id: A, temperature: hot}]}]
    expect: {rows: [{lead_id: A, temperature: cold}]}
",
    );
    let said = shop.call(&["test", "--select", "shop_leads", "--quiet"]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(1), "error: 1 of 2 tests failed\n"), "{}", said.stdout);
    let shown = "`fails` of model `shop_leads`, - expected, + found:\n+ lead_id: A, temperature: hot\n- lead_id: A, temperature: cold\n";
    assert!(said.stdout.contains("\n`fails`") && said.stdout.ends_with("temperature: hot\n"), "{}", said.stdout);
    let rows: Vec<&str> = shown.lines().skip(1).collect();
    assert!(rows.iter().all(|row| said.stdout.lines().any(|line| line == *row)), "{}", said.stdout);
}

#[test]
fn the_packaged_unit_tests_pass() {
    let names = ["a_deal_closed_before_it_was_created_is_a_finding", "the_last_answer_of_a_month_stands", "the_first_stage_of_a_tie_takes_no_time", "a_rate_serves_until_the_next"];
    let said = Call::new(&["test", "--select", &names.join(","), "--format", "csv"]).run();
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    assert_eq!(said.stdout.lines().filter(|line| line.starts_with("pass,unit,")).count(), names.len());
}

/// The number of leads of the only row.
fn leads(table: &RecordBatch) -> String {
    let text = quotient_report::render(table, quotient_report::Format::Csv).unwrap();
    text.lines().nth(1).unwrap().rsplit(',').next().unwrap().to_owned()
}
