-- The days that each target stands for: those of its period that no target of a finer grain has, of the same metric,
-- team and territory. A target whose every day has a finer one is not here.
-- Days that have not begun at as-of are here too: a later month is no less a part of its quarter.
-- A grain other than day, week, month, quarter and year has no days: target_findings counts such targets.
-- Grain: one row per target and day that it stands for.
WITH digits AS (
    SELECT 0 AS digit
    {% for digit in [1, 2, 3, 4, 5, 6, 7, 8, 9] -%}
    UNION ALL SELECT {{ digit }} AS digit
    {% endfor %}
),

numbers AS (
    SELECT ones.digit + 10 * tens.digit + 100 * hundreds.digit AS number
    FROM digits AS ones
    CROSS JOIN digits AS tens
    CROSS JOIN digits AS hundreds
),

-- The longest that a period of each grain can be.
spans AS (
    SELECT 1 AS grain_order, 1 AS days
    UNION ALL SELECT 2 AS grain_order, 7 AS days
    UNION ALL SELECT 3 AS grain_order, 31 AS days
    UNION ALL SELECT 4 AS grain_order, 92 AS days
    UNION ALL SELECT 5 AS grain_order, 366 AS days
),

steps AS (
    SELECT
        spans.grain_order AS grain_order,
        numbers.number AS number
    FROM spans
    INNER JOIN numbers
        ON numbers.number < spans.days
),

summed AS (
    SELECT
        targets.metric AS metric,
        targets.grain AS grain,
        targets.period_start AS period_start,
        targets.team AS team,
        targets.territory AS territory,
        CAST(sum(targets.target) AS DECIMAL(38, 2)) AS target,
        CASE targets.grain
            WHEN 'day' THEN {{ add_days('targets.period_start', 1) }}
            WHEN 'week' THEN {{ add_days('targets.period_start', 7) }}
            WHEN 'month' THEN {{ add_months('targets.period_start', 1) }}
            WHEN 'quarter' THEN {{ add_months('targets.period_start', 3) }}
            WHEN 'year' THEN {{ add_months('targets.period_start', 12) }}
        END AS period_end,
        CASE targets.grain
            WHEN 'day' THEN 1
            WHEN 'week' THEN 2
            WHEN 'month' THEN 3
            WHEN 'quarter' THEN 4
            WHEN 'year' THEN 5
        END AS grain_order
    FROM {{ ref('stg_targets') }} AS targets
    GROUP BY targets.metric, targets.grain, targets.period_start, targets.team, targets.territory
),

measured AS (
    SELECT
        summed.metric || '#' || summed.grain || '#' || CAST(summed.period_start AS VARCHAR)
        || '#' || COALESCE(summed.team, '') || '#' || COALESCE(summed.territory, '') AS target_row_id,
        summed.metric AS metric,
        summed.grain AS grain,
        summed.grain_order AS grain_order,
        summed.period_start AS period_start,
        summed.period_end AS period_end,
        {{ days_between('summed.period_start', 'summed.period_end') }} AS period_days,
        summed.team AS team,
        summed.territory AS territory,
        summed.target AS target
    FROM summed
),

dated AS (
    SELECT
        measured.target_row_id AS target_row_id,
        measured.metric AS metric,
        measured.grain AS grain,
        measured.grain_order AS grain_order,
        measured.period_start AS period_start,
        measured.period_end AS period_end,
        measured.team AS team,
        measured.territory AS territory,
        measured.target AS target,
        {{ add_days('measured.period_start', 'steps.number') }} AS day
    FROM measured
    INNER JOIN steps
        ON measured.grain_order = steps.grain_order AND steps.number < measured.period_days
),

ranked AS (
    SELECT
        dated.target_row_id AS target_row_id,
        dated.metric AS metric,
        dated.grain AS grain,
        dated.grain_order AS grain_order,
        dated.period_start AS period_start,
        dated.period_end AS period_end,
        dated.team AS team,
        dated.territory AS territory,
        dated.target AS target,
        dated.day AS day,
        row_number() OVER (
            PARTITION BY dated.metric, dated.team, dated.territory, dated.day
            ORDER BY dated.grain_order ASC NULLS LAST, dated.period_start DESC NULLS LAST
        ) AS place
    FROM dated
)

SELECT
    ranked.target_row_id AS target_row_id,
    ranked.metric AS metric,
    ranked.grain AS grain,
    ranked.grain_order AS grain_order,
    ranked.period_start AS period_start,
    ranked.period_end AS period_end,
    ranked.team AS team,
    ranked.territory AS territory,
    ranked.target AS target,
    ranked.day AS day
FROM ranked
WHERE ranked.place = 1
