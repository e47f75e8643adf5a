-- Targets of the periods that have begun, with what was reached in the period and slice of each.
-- Where a metric has targets of several grains, a row counts only if no row of a finer grain starts in its period.
-- A row for more than its parts (the company over territories and teams, a territory over its teams) keeps what the
-- rows of its parts do not cover, of the target and of what was reached: so the rows sum to the row for all.
-- target_to_date is the share of the target that had elapsed at as-of, by time.
-- Grain: one row per metric, grain, period, team and territory that has a target.
WITH summed AS (
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

finest AS (
    SELECT
        summed.metric || '#' || summed.grain || '#' || CAST(summed.period_start AS VARCHAR)
        || '#' || COALESCE(summed.team, '') || '#' || COALESCE(summed.territory, '') AS target_row_id,
        summed.metric AS metric,
        summed.grain AS grain,
        summed.period_start AS period_start,
        summed.period_end AS period_end,
        summed.team AS team,
        summed.territory AS territory,
        summed.target AS target
    FROM summed
    WHERE
        {{ seen_on('summed.period_start') }}
        AND NOT EXISTS (
            SELECT 1
            FROM summed AS finer
            WHERE
                finer.metric = summed.metric
                AND finer.grain_order < summed.grain_order
                AND finer.period_start >= summed.period_start
                AND finer.period_start < summed.period_end
        )
),

reached AS (
    SELECT
        finest.target_row_id AS target_row_id,
        sum(actuals.amount) AS actual
    FROM finest
    INNER JOIN {{ ref('target_actuals') }} AS actuals
        ON
            finest.metric = actuals.metric
            AND actuals.happened_on >= finest.period_start
            AND actuals.happened_on < finest.period_end
            AND (finest.team IS NULL OR finest.team = actuals.team)
            AND (finest.territory IS NULL OR finest.territory = actuals.territory)
    GROUP BY finest.target_row_id
),

gross AS (
    SELECT
        finest.target_row_id AS target_row_id,
        finest.metric AS metric,
        finest.grain AS grain,
        finest.period_start AS period_start,
        finest.period_end AS period_end,
        finest.team AS team,
        finest.territory AS territory,
        finest.target AS target,
        COALESCE(reached.actual, CAST(0 AS DECIMAL(38, 6))) AS actual
    FROM finest
    LEFT JOIN reached
        ON finest.target_row_id = reached.target_row_id
),

of_teams AS (
    SELECT
        gross.metric AS metric,
        gross.grain AS grain,
        gross.period_start AS period_start,
        gross.territory AS territory,
        sum(gross.target) AS target,
        sum(gross.actual) AS actual
    FROM gross
    WHERE gross.team IS NOT NULL
    GROUP BY gross.metric, gross.grain, gross.period_start, gross.territory
),

parts AS (
    SELECT
        gross.target_row_id AS target_row_id,
        gross.metric AS metric,
        gross.grain AS grain,
        gross.period_start AS period_start,
        gross.period_end AS period_end,
        gross.team AS team,
        gross.territory AS territory,
        CASE
            WHEN gross.team IS NULL THEN gross.target - COALESCE(of_teams.target, CAST(0 AS DECIMAL(38, 2)))
            ELSE gross.target
        END AS target,
        CASE
            WHEN gross.team IS NULL THEN gross.actual - COALESCE(of_teams.actual, CAST(0 AS DECIMAL(38, 6)))
            ELSE gross.actual
        END AS actual
    FROM gross
    LEFT JOIN of_teams
        ON
            gross.metric = of_teams.metric
            AND gross.grain = of_teams.grain
            AND gross.period_start = of_teams.period_start
            AND gross.territory = of_teams.territory
    WHERE gross.team IS NOT NULL OR gross.territory IS NOT NULL
),

of_parts AS (
    SELECT
        parts.metric AS metric,
        parts.grain AS grain,
        parts.period_start AS period_start,
        sum(parts.target) AS target,
        sum(parts.actual) AS actual
    FROM parts
    GROUP BY parts.metric, parts.grain, parts.period_start
),

netted AS (
    SELECT
        parts.target_row_id AS target_row_id,
        parts.metric AS metric,
        parts.grain AS grain,
        parts.period_start AS period_start,
        parts.period_end AS period_end,
        parts.team AS team,
        parts.territory AS territory,
        CAST(parts.target AS DECIMAL(38, 2)) AS target,
        CAST(parts.actual AS DECIMAL(38, 6)) AS actual
    FROM parts
    UNION ALL
    SELECT
        gross.target_row_id AS target_row_id,
        gross.metric AS metric,
        gross.grain AS grain,
        gross.period_start AS period_start,
        gross.period_end AS period_end,
        gross.team AS team,
        gross.territory AS territory,
        CAST(gross.target - COALESCE(of_parts.target, CAST(0 AS DECIMAL(38, 2))) AS DECIMAL(38, 2)) AS target,
        CAST(gross.actual - COALESCE(of_parts.actual, CAST(0 AS DECIMAL(38, 6))) AS DECIMAL(38, 6)) AS actual
    FROM gross
    LEFT JOIN of_parts
        ON
            gross.metric = of_parts.metric
            AND gross.grain = of_parts.grain
            AND gross.period_start = of_parts.period_start
    WHERE gross.team IS NULL AND gross.territory IS NULL
)

SELECT
    netted.target_row_id AS target_row_id,
    netted.metric AS metric,
    netted.grain AS grain,
    netted.team AS team,
    netted.territory AS territory,
    netted.period_start AS period_start,
    netted.period_end AS period_end,
    netted.target AS target,
    netted.actual AS actual,
    CASE
        WHEN {{ local_midnight('netted.period_end') }} <= {{ as_of() }} THEN CAST(netted.target AS DOUBLE)
        ELSE
            CAST(netted.target AS DOUBLE)
            * {{ seconds_between(local_midnight('netted.period_start'), as_of()) }}
            / {{ seconds_between(local_midnight('netted.period_start'), local_midnight('netted.period_end')) }}
    END AS target_to_date
FROM netted
