//! Questions about many rows, which are read lot by lot: the answer is that over all rows at once.

use harness::{assert_none, demo_lake, packaged};
use quotient_jobs::{QueryRequest, Workspace};
use tempfile::TempDir;

/// The day after the last of the lake.
const AS_OF: &str = "2025-04-01T00:00:00Z";

#[test]
fn a_question_about_many_rows_is_answered_as_about_few() {
    let lake = TempDir::new().unwrap();
    demo_lake(lake.path());
    // Facts that come in lots, with joins, versions, distinct counts and percentiles; facts that do not; ratios and growth of both.
    let questions = [
        ("revenue,revenue_growth_yoy,orders,units_sold", "metric_time__month,product__family"),
        ("orders,gross_sales", "metric_time__week,rep__team"),
        ("sales_cycle_days_p90,win_rate,average_deal_size", "metric_time__quarter,rep"),
        ("lead_response_hours_median,leads_contacted_rate,lead_conversion_rate", "lead__source"),
        ("touches,promptness,persistence,activities_per_hour", "metric_time__month,rep__team"),
        ("active_customers,customer_churn_rate,mrr,net_revenue_retention", "metric_time__month,customer__segment"),
        ("nps,revenue_per_rep,customer_acquisition_cost", "metric_time__month"),
    ];
    let mut wrong = Vec::new();
    for (metrics, items) in questions {
        let texts = |list: &str| list.split(',').map(str::to_owned).collect();
        let request = QueryRequest { metrics: texts(metrics), group_by: texts(items), ..QueryRequest::default() };
        let answer = |rows_at_once: Option<u64>| {
            let mut workspace = Workspace::open(&packaged(lake.path(), AS_OF)).unwrap();
            workspace.rows_at_once = rows_at_once.unwrap_or(workspace.rows_at_once);
            workspace.query(&request).unwrap_or_else(|error| panic!("{metrics}: {error}"))
        };
        let whole = answer(None);
        assert!(whole.num_rows() > 2, "{metrics} by {items} has cells");
        if answer(Some(100)) != whole {
            wrong.push(format!("{metrics} by {items}"));
        }
    }
    assert_none(&wrong);
}
