//! A saved query is the question that it names: asked by name, and as a table of a job, whose cells stay out of `kpi_values`.

use std::fs;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::sum;
use arrow::datatypes::{Float64Type, Int64Type};
use harness::{Call, Results, demo_lake, packaged};
use quotient_jobs::{QueryRequest, Silent, Workspace};
use tempfile::TempDir;

const JOB: &str = "name: saved
results: \"{{ env_var('QUOTIENT_RESULTS') }}\"
tables:
  - saved_query: new_business_by_team
  - name: all_deals
    metrics: [won_deals]
    periods: {grains: [month]}
    slices: [[rep__team]]
";

fn won(batch: &RecordBatch) -> i64 {
    sum(batch.column_by_name("won_deals").unwrap().as_primitive::<Int64Type>()).unwrap()
}

#[test]
fn a_saved_query_is_the_question_that_it_names() {
    let folder = TempDir::new().unwrap();
    let (lake, results) = (folder.path().join("lake"), folder.path().join("results"));
    demo_lake(&lake);
    let mut request = packaged(&lake, "2025-04-01T00:00:00Z");
    request.env.insert("QUOTIENT_RESULTS".to_owned(), results.to_str().unwrap().to_owned());
    let workspace = Workspace::open(&request).unwrap();
    let all = QueryRequest {
        metrics: ["won_deals", "closed_deals", "win_rate", "average_deal_size"].map(str::to_owned).to_vec(),
        group_by: ["metric_time__month", "rep__team"].map(str::to_owned).to_vec(),
        ..QueryRequest::default()
    };
    let typed = QueryRequest { filters: vec!["{{ Dimension('opportunity__kind') }} = 'new_business'".to_owned()], ..all.clone() };
    let saved = workspace.saved_query("new_business_by_team", &QueryRequest::default()).unwrap();
    let answer = workspace.query(&saved).unwrap();
    assert_eq!(answer, workspace.query(&typed).unwrap());

    let file = folder.path().join("saved.yml");
    fs::write(&file, JOB).unwrap();
    workspace.run(&workspace.job(&file).unwrap(), &Silent).unwrap();
    let tables = Results::open(results.to_str().unwrap(), &request.env);
    let table = tables.table("new_business_by_team");
    assert_eq!((table.num_rows(), won(&table)), (answer.num_rows(), won(&answer)));

    let everything = won(&workspace.query(&all).unwrap());
    assert!(won(&answer) < everything, "the filter of the saved query takes nothing away");
    let values = tables.table("kpi_values");
    #[expect(clippy::cast_precision_loss, reason = "a count of deals in a small lake")]
    let expected = everything as f64;
    assert_eq!(sum(values.column_by_name("value").unwrap().as_primitive::<Float64Type>()), Some(expected));
}

#[test]
fn an_unknown_saved_query_is_told_its_nearest() {
    let said = Call::new(&["query", "--saved-query", "new_business_by_tem"]).run();
    assert_eq!(
        (said.code, said.stdout.as_str(), said.stderr.as_str()),
        (Some(2), "", "error: unknown saved query `new_business_by_tem`\n\nhint: did you mean `new_business_by_team`?\n")
    );
}
