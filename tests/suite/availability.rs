//! Metrics that a lake lacks columns for: null with a status, a finding, and no other metric touched.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use harness::{Cell, Fixture, Grid, Results, packaged, row};
use quotient_jobs::{Silent, Workspace};

const JOB: &str = "
name: some
results: \"{{ env_var('QUOTIENT_RESULTS') }}\"
periods: {grains: [month]}
tables:
  - {name: deals, metrics: [won_deals, average_deal_size, win_rate_amount], slices: [[]]}
  - {name: response, metrics: [leads_never_contacted, within_sla_rate], slices: [[]]}
";

/// Two deals and a lead; a lake without amounts, currencies, temperatures and automation.
fn lake() -> Fixture {
    let fixture = Fixture::empty();
    let text = |text: &str| Some(text.to_owned());
    let deal = |id: &str, status: &str| {
        row(&[("opportunity_id", text(id)), ("created_at", text("2024-01-02T00:00:00Z")), ("status", text(status)), ("closed_at", text("2024-01-10T00:00:00Z"))])
    };
    fixture.write("opportunities", &[&[deal("a", "won"), deal("b", "lost")]]);
    fixture.write("leads", &[&[row(&[("lead_id", text("l")), ("created_at", text("2024-01-02T00:00:00Z"))])]]);
    for (table, columns) in [("opportunities", &["amount", "currency"][..]), ("leads", &["temperature"]), ("activities", &["is_automated"])] {
        let batch = fixture.read(table);
        let kept = batch.schema_ref().fields().iter().zip(batch.columns()).filter(|(field, _)| !columns.contains(&field.name().as_str()));
        let kept: Vec<(String, ArrayRef)> = kept.map(|(field, column)| (field.name().clone(), Arc::clone(column))).collect();
        fixture.write_files(table, [RecordBatch::try_from_iter(kept).unwrap()]);
    }
    fixture
}

#[test]
fn what_the_lake_lacks_is_null_and_said_and_the_rest_is_right() {
    let fixture = lake();
    let results = fixture.root().join("results");
    let mut request = packaged(&fixture.lake(), "2024-06-01T00:00:00Z");
    request.env.insert("QUOTIENT_RESULTS".to_owned(), results.to_str().unwrap().to_owned());
    let workspace = Workspace::open(&request).unwrap();
    std::fs::write(fixture.root().join("job.yml"), JOB).unwrap();
    let job = workspace.job(&fixture.root().join("job.yml")).unwrap();
    let summary = workspace.run(&job, &Silent).unwrap();
    let said: Vec<String> = summary.unavailable.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "metric `average_deal_size` is unavailable: the lake has no `crm.opportunities.amount`",
            "metric `win_rate_amount` is unavailable: the lake has no `crm.opportunities.amount`",
            "metric `within_sla_rate` is unavailable: the lake has no `crm.leads.temperature`",
        ]
    );
    let store = Results::open(results.to_str().unwrap(), &request.env);
    let values = Grid::of_batch(&store.table("kpi_values"));
    let at = |name: &str| values.position(name).unwrap();
    let of = |metric: &str| {
        let row = values.rows.iter().find(|row| row[at("metric")] == Cell::Text(metric.to_owned())).unwrap_or_else(|| panic!("no cell of `{metric}`"));
        (row[at("value")].to_string(), row[at("status")].to_string())
    };
    assert_eq!(of("won_deals"), ("1.0".to_owned(), "ok".to_owned()));
    assert_eq!(of("leads_never_contacted"), ("1.0".to_owned(), "ok".to_owned()));
    for metric in ["average_deal_size", "win_rate_amount", "within_sla_rate"] {
        let (value, status) = of(metric);
        assert_eq!(status, "unavailable", "{metric}");
        assert_ne!(value, "0.0", "{metric}");
    }
    let findings = store.csv("kpi_findings");
    assert!(findings.contains("crm.opportunities,amount,available,available,metric,2,\"average_deal_size, win_rate_amount\",warn,warn"), "{findings}");
}
