//! Events of a run, whole.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Dataset, LineageRun, RunState, lineage_event, uuid_of};

fn run() -> LineageRun {
    let results = Dataset::at("s3://kpis/shop/");
    LineageRun {
        namespace: "shop".to_owned(),
        job: "nightly".to_owned(),
        run_id: "0123456789abcdef".to_owned(),
        as_of: "2025-06-02T00:00:00Z".parse().unwrap(),
        quotient_version: "0.1.0".to_owned(),
        inputs: vec![Dataset::at("/srv/lake/leads/**/*.parquet")],
        outputs: vec![(results.below("sales_cycle"), Some(12)), (results.below("kpi_runs"), None)],
    }
}

fn at() -> DateTime<Utc> {
    "2025-06-02T00:00:05.25Z".parse().unwrap()
}

#[test]
fn a_run_that_begins_says_what_it_reads_and_writes() {
    assert_eq!(
        lineage_event(&run(), RunState::Start, at()),
        json!({
            "eventType": "START",
            "eventTime": "2025-06-02T00:00:05.250Z",
            "producer": "urn:quotient:0.1.0",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {
                "runId": "561d15ce-ea67-8c92-b108-33085066e117",
                "facets": {
                    "nominalTime": {
                        "_producer": "urn:quotient:0.1.0",
                        "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet",
                        "nominalStartTime": "2025-06-02T00:00:00Z"
                    }
                }
            },
            "job": {"namespace": "shop", "name": "nightly"},
            "inputs": [{"namespace": "file", "name": "/srv/lake/leads"}],
            "outputs": [
                {"namespace": "s3://kpis", "name": "shop/sales_cycle"},
                {"namespace": "s3://kpis", "name": "shop/kpi_runs"}
            ]
        })
    );
}

#[test]
fn a_complete_run_counts_rows() {
    let event = lineage_event(&run(), RunState::Complete, at());
    assert_eq!(event["eventType"], "COMPLETE");
    assert_eq!(
        event["outputs"],
        json!([
            {
                "namespace": "s3://kpis",
                "name": "shop/sales_cycle",
                "outputFacets": {
                    "outputStatistics": {
                        "_producer": "urn:quotient:0.1.0",
                        "_schemaURL": "https://openlineage.io/spec/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet",
                        "rowCount": 12
                    }
                }
            },
            {"namespace": "s3://kpis", "name": "shop/kpi_runs"}
        ])
    );
}

#[test]
fn a_failed_run_says_why() {
    let event = lineage_event(&run(), RunState::Fail("no lake"), at());
    assert_eq!(event["eventType"], "FAIL");
    assert_eq!(
        event["run"]["facets"]["errorMessage"],
        json!({
            "_producer": "urn:quotient:0.1.0",
            "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
            "message": "no lake",
            "programmingLanguage": "Rust"
        })
    );
    assert_eq!(event["outputs"][0], json!({"namespace": "s3://kpis", "name": "shop/sales_cycle"}));
}

#[test]
fn a_run_has_one_uuid() {
    assert_eq!(uuid_of("0123456789abcdef"), "561d15ce-ea67-8c92-b108-33085066e117");
    assert_ne!(uuid_of("a"), uuid_of("b"));
}

#[test]
fn locations_have_the_names_that_others_give_them() {
    let named = |location: &str| {
        let Dataset { namespace, name } = Dataset::at(location);
        format!("{namespace} {name}")
    };
    assert_eq!(named("s3://lake"), "s3://lake ");
    assert_eq!(named("s3://user:secret@lake/crm/"), "s3://lake crm");
    assert_eq!(named("s3://lake/crm-*/leads"), "s3://lake ");
    assert_eq!(named("file:///srv/lake/leads.parquet"), "file /srv/lake/leads.parquet");
    assert_eq!(Dataset::at("s3://lake").below("leads").name, "leads");
    assert_eq!(Dataset::at("/").below("leads").name, "/leads");
}
