-- Targets that no metric has, and why: of a metric without targets here, of an unknown grain, or with a finer target of the
-- same metric, team and territory for each of their days.
-- Grain: one row per target and rule.
WITH targets AS (
    SELECT
        stg_targets.metric || '#' || stg_targets.grain || '#' || CAST(stg_targets.period_start AS VARCHAR)
        || '#' || COALESCE(stg_targets.team, '') || '#' || COALESCE(stg_targets.territory, '') AS key,
        stg_targets.metric AS metric,
        stg_targets.grain AS grain
    FROM {{ ref('stg_targets') }} AS stg_targets
),

standing AS (
    SELECT DISTINCT days.target_row_id AS target_row_id
    FROM {{ ref('target_days') }} AS days
)

SELECT
    'unknown_metric' AS rule,
    'crm.targets' AS table_name,
    targets.key AS key
FROM targets
WHERE targets.metric NOT IN ('revenue', 'won_deals', 'new_customers')
UNION ALL
SELECT
    'unknown_grain' AS rule,
    'crm.targets' AS table_name,
    targets.key AS key
FROM targets
WHERE targets.grain NOT IN ('day', 'week', 'month', 'quarter', 'year')
UNION ALL
SELECT
    'replaced_by_finer' AS rule,
    'crm.targets' AS table_name,
    targets.key AS key
FROM targets
LEFT JOIN standing
    ON targets.key = standing.target_row_id
WHERE standing.target_row_id IS NULL AND targets.grain IN ('week', 'month', 'quarter', 'year')
