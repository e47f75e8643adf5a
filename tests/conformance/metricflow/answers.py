"""Answers of another engine: dbt-duckdb builds the project, MetricFlow writes the SQL, DuckDB runs it.

In: the project (jobs/), a lake (data/). Out, next to this file: answers/*.csv and answers/queries.yml;
and for what MetricFlow cannot express, ../duckdb/*.csv from the hand-written ../duckdb/*.sql.

    VENV/bin/python tests/conformance/metricflow/answers.py [--lake data] [--as-of 2026-01-01T00:00:00Z]

With --project and --questions, the same for another project that reuses jobs/; its answers go to the folder
`answers` beside the questions, and nothing is asked of DuckDB by hand.

A CSV has one row per cell, ordered by period and dimensions.
A dimension without a value is `(none)`, a null is an empty field, decimals keep every digit, floats have twelve.
"""

import argparse
import csv
import datetime
import decimal
import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import duckdb
import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
MONTH = "metric_time__month"
GRAINS = (
    *("day", "week", "month", "quarter", "year", "fiscal_month", "fiscal_quarter", "fiscal_year"),
    *("retail_week", "retail_month", "retail_quarter", "retail_year"),
)

# What is asked of the packaged project:
# name, metrics that have the same cells, and the dimensions to group by beside the total.
QUERIES = [
    (
        "closed_deals",
        [
            "sales_cycle_days",
            "sales_cycle_days_median",
            "sales_cycle_days_p90",
            "won_deals",
            "lost_deals",
            "closed_deals",
            "win_rate",
            "average_deal_size",
        ],
        ["rep__team", "opportunity__cycle_bucket"],
    ),
    ("stage_visits", ["stage_days", "stage_days_median"], ["stage_visit__stage"]),
    (
        "sales_lines",
        ["units_sold", "units_returned", "orders", "gross_sales", "returns_amount", "revenue"],
        ["order_line__channel", "product__family", "rep__team"],
    ),
    ("revenue_growth", ["revenue_growth"], ["order_line__channel"]),
    ("revenue_growth_yoy", ["revenue_growth_yoy"], ["order_line__channel"]),
    ("revenue_ytd", ["revenue_ytd"], ["order_line__channel", "rep__team"]),
    (
        "leads",
        [
            "leads",
            "leads_contacted",
            "leads_never_contacted",
            "leads_pre_contacted",
            "leads_contacted_rate",
            "lead_response_hours",
            "lead_response_hours_median",
            "lead_response_hours_p90",
            "leads_sla_due",
            "leads_within_sla",
            "within_sla_rate",
            "leads_converted_90d",
            "lead_conversion_rate",
        ],
        ["lead__source", "lead__temperature"],
    ),
    ("acquisition_costs", ["acquisition_cost"], ["sales_team"]),
    ("first_wins", ["new_customers"], ["sales_team"]),
    ("customer_acquisition_cost", ["customer_acquisition_cost"], ["sales_team"]),
    ("customer_acquisition_rate", ["customer_acquisition_rate"], ["customer__segment"]),
    ("customer_movements", ["customers_net_change", "churned_customers"], ["customer__segment"]),
    (
        "customers",
        ["active_customers", "customers_at_start", "customer_churn_rate"],
        ["customer__segment"],
    ),
    ("product_movements", ["product_customers_net_change", "product_churned_customers"], ["product"]),
    (
        "product_customers",
        ["product_active_customers", "product_customers_at_start", "product_churn_rate"],
        ["product"],
    ),
    (
        "family_movements",
        ["family_customers_net_change", "family_churned_customers"],
        ["family_movement__family"],
    ),
    (
        "family_customers",
        ["family_active_customers", "family_customers_at_start", "family_churn_rate"],
        ["family_movement__family"],
    ),
    (
        "expansion_movements",
        ["upsell_customers", "cross_sell_customers", "upsell_revenue", "cross_sell_revenue"],
        ["product__family", "rep__team"],
    ),
    ("expansion_rates", ["upsell_rate", "cross_sell_rate"], ["customer__segment"]),
    (
        "mrr_movements",
        ["new_mrr", "new_mrr_at_margin", "reactivation_mrr", "expansion_mrr", "contraction_mrr", "churned_mrr"],
        ["customer__segment", "product__family", "mrr_movement__end_reason"],
    ),
    ("expansion_share", ["expansion_share"], ["customer__segment", "rep__team"]),
    ("mrr_changes", ["net_new_mrr", "net_new_mrr_at_margin"], ["product", "rep"]),
    (
        "mrr",
        ["mrr_at_start", "mrr", "mrr_at_margin", "gross_revenue_retention", "net_revenue_retention", "mrr_churn_rate"],
        ["customer__segment", "product__family"],
    ),
    ("mrr_balance", ["mrr"], ["product", "rep"]),
    ("mrr_per_customer", ["mrr_per_customer"], ["customer__segment"]),
    ("reactivated_customers", ["reactivated_customers"], ["customer__segment"]),
    ("churn_reasons", ["churned_customers"], ["customer_movement__end_reason"]),
    ("customer_losses", ["customers_lost_net"], ["customer__segment"]),
    (
        "monthly_churn",
        ["churned_customers_12m", "customers_net_change_12m", "monthly_churn_rate"],
        ["customer__segment"],
    ),
    ("customer_lifetime_value", ["customer_lifetime_value"], ["customer__segment"]),
    ("cost_by_function", ["acquisition_cost", "lagged_acquisition_cost"], ["expense__function"]),
    ("cac_payback", ["cac_payback_months"], ["sales_team", "sales_territory"]),
    ("ltv_to_cac", ["ltv_to_cac"], []),
    ("closed_amounts", ["won_amount", "closed_amount", "win_rate_amount"], ["rep__team", "deal__opening_team"]),
    (
        "pipeline",
        ["opened_deals", "open_opportunities", "open_pipeline_amount"],
        ["deal__opening_team", "product__family"],
    ),
    ("pipeline_velocity", ["pipeline_velocity"], ["deal__opening_team"]),
    ("running_stage_visits", ["running_stage_visits"], ["running_visit__stage"]),
    (
        "business_hours",
        ["lead_response_business_hours", "lead_response_business_hours_median", "lead_response_business_hours_p90"],
        ["lead__territory"],
    ),
    ("lead_warmings", ["warmed_leads", "lead_warming_days", "lead_warming_days_median"], ["lead__source"]),
    (
        "four_ps",
        ["promptness", "promptness_grade", "persistence", "persistence_grade", "touches", "touches_reach_known"]
        + ["touches_reached", "personalization", "personalization_grade", "reach_rate", "performance_grade"]
        + ["four_ps_score"],
        ["rep__team", "lead__source"],
    ),
    ("revenue_trailing_12m", ["revenue_trailing_12m"], ["order_line__channel"]),
    ("revenue_constant_currency", ["revenue_constant_currency"], ["order_line__channel", "rep__team"]),
    ("revenue_constant_currency_growth_yoy", ["revenue_constant_currency_growth_yoy"], ["order_line__channel"]),
    (
        "rep_activities",
        ["activities", "calls", "selling_seconds", "selling_hours", "activities_per_hour"]
        + ["customer_contacts", "contacted_customers", "contacts_per_customer"],
        ["rep__team", "activity__kind", "rep"],
    ),
    ("active_reps", ["active_reps"], ["rep__team"]),
    ("productivity", ["revenue_per_rep", "deals_per_rep", "revenue_per_selling_hour"], ["rep__team", "rep"]),
    ("new_customer_revenue", ["new_customer_revenue"], ["sales_team"]),
    ("sales_efficiency", ["sales_efficiency"], ["sales_team", "sales_territory"]),
    ("feedback_count", ["feedback_count"], ["rep__team", "customer__segment"]),
    ("nps", ["nps_answers", "nps_promoters", "nps_detractors", "nps"], ["rep__team", "customer__segment"]),
    ("csat", ["csat_answers", "csat_satisfied", "csat"], ["rep__team", "customer__segment"]),
    (
        "targets",
        [
            f"{metric}_{part}"
            for metric in ("revenue", "won_deals", "new_customers")
            for part in ("target", "target_to_date", "against_target", "attainment", "pace")
        ],
        ["sales_team", "sales_territory"],
    ),
    (
        "attach_pairs",
        ["attach_any_added", "attach_base_added", "attach_attached_added", "attach_both_added"],
        ["attach_pair__attached_product"],
    ),
    (
        "attach_stock",
        ["attach_base_customers", "attach_attached_customers", "customers_with_both", "attach_rate", "attach_support", "attach_lift"],
        ["attach_pair__attached_product"],
    ),
]


def build(project, profiles, lake, database, time_zone, as_of):
    """Build the models of a copy of the project into `database`."""
    environment = dict(
        os.environ,
        QUOTIENT_LAKE=str(lake),
        QUOTIENT_DUCKDB=str(database),
        QUOTIENT_TIME_ZONE=time_zone,
        DBT_SEND_ANONYMOUS_USAGE_STATS="false",
    )
    for name in ("DBT_TARGET_PATH", "DBT_PROJECT_DIR", "DBT_PROFILES_DIR"):
        environment.pop(name, None)
    os.environ.clear()
    os.environ.update(environment)
    dbt = pathlib.Path(sys.executable).with_name("dbt")
    command = [str(dbt), "run", "--quiet", "--profiles-dir", str(profiles)]
    if as_of:
        command += ["--vars", json.dumps({"as_of": as_of})]
    subprocess.run(command, cwd=project, check=True)


def restore_fills(project):
    """Put `fill_nulls_with` into the manifest: dbt 1.12 drops it from metrics of the latest spec."""
    fills = {}
    settings = yaml.safe_load((project / "dbt_project.yml").read_text())
    folders = [project / folder for folder in settings["model-paths"]]
    for path in (path for folder in folders for path in folder.glob("**/*.yml")):
        text = yaml.safe_load(path.read_text())
        metrics = list(text.get("metrics") or [])
        for model in text.get("models") or []:
            metrics += model.get("metrics") or []
        fills.update({m["name"]: m["fill_nulls_with"] for m in metrics if "fill_nulls_with" in m})
    path = project / "target" / "semantic_manifest.json"
    manifest = json.loads(path.read_text())
    for metric in manifest["metrics"]:
        if metric["name"] in fills:
            metric["type_params"]["fill_nulls_with"] = fills[metric["name"]]
    path.write_text(json.dumps(manifest))


def read_questions(path):
    """The queries of a file of questions, of QUERIES where there is no file: a list of (file, metrics, group by, where)."""
    queries = []
    if path is None:
        questions = [dict(name=name, metrics=metrics, dimensions=by) for name, metrics, by in QUERIES]
    else:
        questions = yaml.safe_load(path.read_text())["questions"]
    for each in questions:
        name, metrics, where = each["name"], each["metrics"], each.get("where", [])
        if "group_by" in each:
            queries.append((f"{name}.csv", metrics, each["group_by"], where))
            continue
        for dimension in [None, *each.get("dimensions", [])]:
            group_by = [each.get("time", MONTH)] + ([dimension] if dimension else [])
            file = f"{name}.csv" if dimension is None else f"{name}.{dimension}.csv"
            queries.append((file, metrics, group_by, where))
    return queries


def metricflow_sql(project, profiles, questions):
    """The SQL that MetricFlow writes for each query: a list of (file, metrics, group by, where, SQL)."""
    from dbt_metricflow.cli.cli_configuration import CLIConfiguration
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest
    from metricflow_semantic_interfaces.type_enums.date_part import DatePart
    from metricflow_semantics.errors.error_classes import InvalidQueryException
    from metricflow_semantics.specs.query_param_implementations import DimensionOrEntityParameter, TimeDimensionParameter

    logging.disable(logging.CRITICAL)
    os.chdir(project)
    configuration = CLIConfiguration()
    configuration.setup(
        dbt_profiles_path=profiles, dbt_project_path=project, configure_file_logging=False
    )

    def parameter(item):
        name, _, suffix = item.rpartition("__")
        if suffix.startswith("extract_"):
            return TimeDimensionParameter(name=name, date_part=DatePart(suffix.removeprefix("extract_")))
        if suffix in GRAINS:
            return TimeDimensionParameter(name=name, grain=suffix)
        return DimensionOrEntityParameter(name=item)

    answers, refused = [], []
    for file, metrics, group_by, where in questions:
        # MetricFlow takes parts of times as objects only, and then every other item too.
        by_name = not any("__extract_" in item for item in group_by)
        request = MetricFlowQueryRequest.create(
            metric_names=metrics,
            group_by_names=group_by if by_name else None,
            group_by=None if by_name else [parameter(item) for item in group_by],
            where_constraints=where or None,
        )
        try:
            sql = configuration.mf.explain(request).sql_statement.without_descriptions.sql
        except InvalidQueryException as error:
            refused.append(f"{file}: {error}")
            continue
        answers.append((file, metrics, group_by, where, sql))
    if refused:
        sys.exit("MetricFlow refuses:\n" + "\n".join(refused))
    return answers


def text(value):
    """A value as text: exact, floats to twelve digits."""
    if value is None:
        return ""
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, float):
        # The order of a parallel sum shows in the last digits: they are left out.
        return repr(float(f"{value:.12g}"))
    return str(value)


def is_time(item):
    """Whether a group-by is a period or a part of a time."""
    return item.rsplit("__", 1)[-1] in GRAINS or "__extract_" in item


def write(connection, sql, group_by, metrics, path):
    """Run the query and write its rows, ordered by the group."""
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    rows = []
    for row in cursor.fetchall():
        cells = dict(zip(names, row))
        # A time that is missing is null; any other dimension without a value has a name.
        group = [text(cells[name]) or ("" if is_time(name) else "(none)") for name in group_by]
        rows.append(group + [text(cells[name]) for name in metrics])
    rows.sort(key=lambda row: row[: len(group_by)])
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(group_by + metrics)
        writer.writerows(rows)


def index(path, as_of, lake, entries):
    """Write what each file answers."""
    lines = [
        "# Written by answers.py: what each file answers, for which lake and as-of.",
        f'as_of: "{as_of}"',
        f"lake: {lake}",
        "queries:",
    ]
    for file, metrics, group_by, where in entries:
        lines.append(f"  - file: {file}")
        lines.append(f"    metrics: [{', '.join(metrics)}]")
        lines.append(f"    group_by: [{', '.join(group_by)}]")
        if where:
            lines.append(f"    where: {json.dumps(where)}")
    path.write_text("\n".join(lines) + "\n")


def ask_by_hand(connection, out):
    """Run the hand-written SQL: a list of (file, metrics, group by, no condition)."""
    out.mkdir(parents=True, exist_ok=True)
    answers = []
    for path in sorted((HERE.parent / "duckdb").glob("*.sql")):
        # The first two lines of the file: `-- metrics: a, b` and `-- group_by: c, d`.
        head = [line.split(":", 1)[1] for line in path.read_text().splitlines()[:2]]
        metrics, group_by = ([name.strip() for name in part.split(",")] for part in head)
        file = path.with_suffix(".csv").name
        write(connection, path.read_text(), group_by, metrics, out / file)
        answers.append((file, metrics, group_by, []))
    return answers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lake", type=pathlib.Path, default=ROOT / "data")
    parser.add_argument("--jobs", type=pathlib.Path, default=ROOT / "jobs")
    parser.add_argument("--project", type=pathlib.Path, help="a project below tests/projects, else jobs")
    parser.add_argument("--questions", type=pathlib.Path, help="what to ask of --project")
    parser.add_argument("--out", type=pathlib.Path, default=HERE.parent)
    parser.add_argument("--as-of", help="else var as_of of dbt_project.yml")
    arguments = parser.parse_args()
    if (arguments.project is None) != (arguments.questions is None):
        parser.error("--project and --questions go together")
    lake, out = arguments.lake.resolve(), arguments.out.resolve()
    questions = read_questions(arguments.questions)
    source = (arguments.project or arguments.jobs).resolve()
    settings = yaml.safe_load((source / "dbt_project.yml").read_text())
    as_of = arguments.as_of or settings["vars"]["as_of"]
    time_zone = settings["vars"]["time_zone"]
    lake_name = lake.relative_to(ROOT) if lake.is_relative_to(ROOT) else lake.name
    topic = arguments.questions.resolve().parent.name if arguments.questions else "metricflow"
    answers = out / topic / "answers"

    with tempfile.TemporaryDirectory() as folder:
        # The copies lie as in the repository: a project finds jobs/ by a relative path.
        jobs = project = pathlib.Path(folder) / "jobs"
        database = pathlib.Path(folder) / "answers.duckdb"
        no_builds = shutil.ignore_patterns("target", "logs")
        shutil.copytree(arguments.jobs, jobs, ignore=no_builds)
        if arguments.project:
            project = pathlib.Path(folder) / "tests" / "projects" / source.name
            shutil.copytree(source, project, ignore=no_builds)
        build(project, jobs, lake, database, time_zone, arguments.as_of)
        restore_fills(project)
        queries = metricflow_sql(project, jobs, questions)
        os.chdir(ROOT)

        # dbt still holds the database: read a copy, of the same name, as the SQL says it.
        copy = pathlib.Path(folder) / "copy" / database.name
        copy.parent.mkdir()
        shutil.copy(database, copy)
        connection = duckdb.connect(str(copy))
        connection.execute(f"SET TimeZone = '{time_zone}'")
        answers.mkdir(parents=True, exist_ok=True)
        for old in answers.glob("*.csv"):
            old.unlink()
        for file, metrics, group_by, _, sql in queries:
            write(connection, sql, group_by, metrics, answers / file)
        entries = [query[:4] for query in queries]
        index(answers / "queries.yml", as_of, lake_name, entries)

        by_hand = []
        if not arguments.project:
            by_hand = ask_by_hand(connection, out / "duckdb")
            index(out / "duckdb" / "queries.yml", as_of, lake_name, by_hand)
    print(f"{len(queries)} answers of MetricFlow, {len(by_hand)} of DuckDB, in {out}")


if __name__ == "__main__":
    main()
