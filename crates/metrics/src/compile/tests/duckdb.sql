-- growth by metric_time__month, rep__team, as of 2025-01-01T00:00:00Z.
WITH
"source__crm__orders" AS (
SELECT
  CAST("order_id" AS VARCHAR) AS "order_id",
  CAST("ordered_at" AS TIMESTAMP WITH TIME ZONE) AS "ordered_at",
  CAST("rep_id" AS VARCHAR) AS "rep_id",
  CAST("amount" AS DECIMAL(18, 2)) AS "amount"
FROM (
  -- the columns that files may lack
  SELECT CAST(NULL AS VARCHAR) AS "rep_id", CAST(NULL AS DECIMAL(18, 2)) AS "amount" WHERE FALSE
  UNION ALL BY NAME
  SELECT * FROM read_parquet('/lake/orders/**/*.parquet', hive_partitioning = true, union_by_name = true)
) AS "files"
),
"orders" AS MATERIALIZED (
SELECT orders.order_id, orders.ordered_at, orders.rep_id, orders.amount, 'duckdb' AS engine FROM "source__crm__orders" AS orders
),
"source__crm__reps" AS (
SELECT
  CAST("rep_id" AS VARCHAR) AS "rep_id",
  CAST("team" AS VARCHAR) AS "team",
  CAST("valid_from" AS TIMESTAMP WITH TIME ZONE) AS "valid_from",
  CAST("valid_to" AS TIMESTAMP WITH TIME ZONE) AS "valid_to"
FROM read_parquet('lake/reps.parquet', hive_partitioning = true, union_by_name = true)
),
"reps" AS MATERIALIZED (
SELECT * FROM "source__crm__reps"
),
"fact__orders__ordered_at" AS MATERIALIZED (
SELECT "own"."__day", "own"."__value0", "join1"."rep__team"
FROM (
  SELECT CAST(timezone('Europe/Berlin', "ordered_at") AS DATE) AS "__day", "ordered_at" AS "__event", "rep_id" AS "__key_rep", amount AS "__value0"
  FROM "orders"
) AS "own"
LEFT JOIN (
  SELECT "rep_id" AS "__key", "team" AS "rep__team", "valid_from" AS "__valid_from", "valid_to" AS "__valid_to"
  FROM "reps"
) AS "join1" ON "own"."__key_rep" = "join1"."__key"
  AND ("join1"."__valid_from" IS NULL OR "join1"."__valid_from" <= "own"."__event") AND ("join1"."__valid_to" IS NULL OR "own"."__event" < "join1"."__valid_to")
WHERE "own"."__event" < CAST('2025-01-01T00:00:00Z' AS TIMESTAMP WITH TIME ZONE)
),
"metric__revenue" AS MATERIALIZED (
SELECT CAST(date_trunc('month', "__day") AS DATE) AS "metric_time", COALESCE(CAST("rep__team" AS VARCHAR), '(none)') AS "rep__team", CAST(sum("__value0") AS DECIMAL(38, 2)) AS "value"
FROM "fact__orders__ordered_at"
GROUP BY CAST(date_trunc('month', "__day") AS DATE), COALESCE(CAST("rep__team" AS VARCHAR), '(none)')
HAVING COUNT(*) > 0
),
"metric__revenue__moved" AS MATERIALIZED (
SELECT CAST(CAST("metric_time" + to_months(CAST(1 AS INTEGER)) AS DATE) AS DATE) AS "metric_time", "rep__team", "value"
FROM "metric__revenue"
WHERE CAST("metric_time" + to_months(CAST(1 AS INTEGER)) AS DATE) <= CAST('2025-01-01' AS DATE)
),
"metric__growth" AS MATERIALIZED (
SELECT "metric_time", "rep__team", CAST((
revenue - before
) AS DECIMAL(38, 2)) AS "value"
FROM (
SELECT "metric_time", "rep__team", max("v0") AS "revenue", max("v1") AS "before"
FROM (
SELECT "metric_time", "rep__team", "value" AS "v0", NULL AS "v1" FROM "metric__revenue"
UNION ALL
SELECT "metric_time", "rep__team", NULL AS "v0", "value" AS "v1" FROM "metric__revenue__moved"
) AS "every"
GROUP BY "metric_time", "rep__team"
) AS "inputs"
)
SELECT CAST(date_trunc('month', "metric_time") AS DATE) AS "metric_time__month", "rep__team" AS "rep__team", "growth"
FROM (
SELECT "metric_time", "rep__team", "value" AS "growth" FROM "metric__growth"
) AS "cells"
ORDER BY 1 NULLS LAST, 2 NULLS LAST
