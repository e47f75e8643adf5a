-- Targets of the periods that have begun, with what was reached in the days and the slice of each.
-- A target stands for the days that target_days gives it, from the first of them on, and for what the targets of finer
-- grain that start in its period leave over of it: so they sum to it, unless they have every one of its days.
-- A row for more than its parts (the company over territories and teams; a territory or a team over its rows of both) keeps
-- what the rows of its parts that start on its days leave over, of the target and of what was reached: so the rows sum to
-- the row for all. Parts that have not begun take nothing off yet.
-- target_to_date is the share of the target that had elapsed at as-of, by time.
-- Grain: one row per metric, grain, period, team and territory that has a target.
WITH timed AS (
    SELECT
        days.target_row_id AS target_row_id,
        days.metric AS metric,
        days.grain AS grain,
        days.grain_order AS grain_order,
        days.period_start AS period_start,
        days.period_end AS period_end,
        days.team AS team,
        days.territory AS territory,
        days.target AS target,
        days.day AS day,
        {{ epoch_us(local_midnight('days.day')) }} AS start_us,
        {{ epoch_us(local_midnight(add_days('days.day', 1))) }} AS end_us,
        {{ epoch_us(as_of()) }} AS as_of_us
    FROM {{ ref('target_days') }} AS days
),

standing AS (
    SELECT
        timed.target_row_id AS target_row_id,
        timed.metric AS metric,
        timed.grain AS grain,
        timed.grain_order AS grain_order,
        timed.period_start AS period_start,
        timed.period_end AS period_end,
        timed.team AS team,
        timed.territory AS territory,
        COALESCE('=' || timed.team, '') || '#' || COALESCE('=' || timed.territory, '') AS slice_key,
        timed.target AS target,
        min(timed.day) AS starts_on,
        max(timed.day) AS last_on,
        sum(timed.end_us - timed.start_us) AS all_us,
        sum(
            CASE
                WHEN timed.as_of_us <= timed.start_us THEN 0
                WHEN timed.as_of_us >= timed.end_us THEN timed.end_us - timed.start_us
                ELSE timed.as_of_us - timed.start_us
            END
        ) AS elapsed_us
    FROM timed
    GROUP BY
        timed.target_row_id, timed.metric, timed.grain, timed.grain_order, timed.period_start, timed.period_end,
        timed.team, timed.territory, timed.target
),

finer AS (
    SELECT
        coarse.target_row_id AS target_row_id,
        fine.target AS target,
        row_number() OVER (
            PARTITION BY fine.target_row_id
            ORDER BY coarse.grain_order ASC NULLS LAST, coarse.period_start DESC NULLS LAST
        ) AS place
    FROM standing AS fine
    INNER JOIN standing AS coarse
        ON
            fine.metric = coarse.metric
            AND fine.slice_key = coarse.slice_key
            AND fine.grain_order < coarse.grain_order
            AND fine.starts_on >= coarse.period_start
            AND fine.starts_on < coarse.period_end
),

given AS (
    SELECT
        finer.target_row_id AS target_row_id,
        sum(finer.target) AS target
    FROM finer
    WHERE finer.place = 1
    GROUP BY finer.target_row_id
),

begun AS (
    SELECT
        standing.target_row_id AS target_row_id,
        standing.metric AS metric,
        standing.grain AS grain,
        standing.team AS team,
        standing.territory AS territory,
        standing.starts_on AS starts_on,
        standing.last_on AS last_on,
        standing.all_us AS all_us,
        standing.elapsed_us AS elapsed_us,
        CAST(standing.target - COALESCE(given.target, CAST(0 AS DECIMAL(38, 2))) AS DECIMAL(38, 2)) AS target
    FROM standing
    LEFT JOIN given
        ON standing.target_row_id = given.target_row_id
    WHERE {{ seen_on('standing.starts_on') }}
),

reached AS (
    SELECT
        days.target_row_id AS target_row_id,
        sum(actuals.amount) AS actual
    FROM {{ ref('target_days') }} AS days
    INNER JOIN {{ ref('target_actuals') }} AS actuals
        ON
            days.metric = actuals.metric
            AND days.day = actuals.happened_on
            AND (days.team IS NULL OR days.team = actuals.team)
            AND (days.territory IS NULL OR days.territory = actuals.territory)
    GROUP BY days.target_row_id
),

gross AS (
    SELECT
        begun.target_row_id AS target_row_id,
        begun.metric AS metric,
        begun.grain AS grain,
        begun.starts_on AS starts_on,
        begun.last_on AS last_on,
        begun.team AS team,
        begun.territory AS territory,
        begun.target AS target,
        CAST(COALESCE(reached.actual, CAST(0 AS DECIMAL(38, 6))) AS DECIMAL(38, 6)) AS actual,
        -- Decimal, so that sums do not depend on their order.
        CASE
            WHEN begun.elapsed_us >= begun.all_us THEN CAST(begun.target AS DECIMAL(38, 12))
            ELSE
                CAST(
                    CAST(begun.target AS DOUBLE) * CAST(begun.elapsed_us AS DOUBLE) / CAST(begun.all_us AS DOUBLE)
                    AS DECIMAL(38, 12)
                )
        END AS to_date
    FROM begun
    LEFT JOIN reached
        ON begun.target_row_id = reached.target_row_id
),

of_both AS (
    SELECT
        days.target_row_id AS target_row_id,
        sum(gross.target) AS target,
        sum(gross.actual) AS actual,
        sum(gross.to_date) AS to_date
    FROM gross
    INNER JOIN {{ ref('target_days') }} AS days
        ON
            gross.metric = days.metric
            AND gross.starts_on = days.day
            AND (
                (days.team IS NULL AND gross.territory = days.territory)
                OR (days.territory IS NULL AND gross.team = days.team)
            )
    WHERE gross.team IS NOT NULL AND gross.territory IS NOT NULL
    GROUP BY days.target_row_id
),

parts AS (
    SELECT
        gross.target_row_id AS target_row_id,
        gross.metric AS metric,
        gross.grain AS grain,
        gross.starts_on AS starts_on,
        gross.last_on AS last_on,
        gross.team AS team,
        gross.territory AS territory,
        CAST(gross.target - COALESCE(of_both.target, CAST(0 AS DECIMAL(38, 2))) AS DECIMAL(38, 2)) AS target,
        CAST(gross.actual - COALESCE(of_both.actual, CAST(0 AS DECIMAL(38, 6))) AS DECIMAL(38, 6)) AS actual,
        CAST(gross.to_date - COALESCE(of_both.to_date, CAST(0 AS DECIMAL(38, 12))) AS DECIMAL(38, 12)) AS to_date
    FROM gross
    LEFT JOIN of_both
        ON gross.target_row_id = of_both.target_row_id
    WHERE gross.team IS NOT NULL OR gross.territory IS NOT NULL
),

of_parts AS (
    SELECT
        days.target_row_id AS target_row_id,
        sum(parts.target) AS target,
        sum(parts.actual) AS actual,
        sum(parts.to_date) AS to_date
    FROM parts
    INNER JOIN {{ ref('target_days') }} AS days
        ON
            parts.metric = days.metric
            AND parts.starts_on = days.day
    WHERE days.team IS NULL AND days.territory IS NULL
    GROUP BY days.target_row_id
),

netted AS (
    SELECT
        parts.target_row_id AS target_row_id,
        parts.metric AS metric,
        parts.grain AS grain,
        parts.starts_on AS starts_on,
        parts.last_on AS last_on,
        parts.team AS team,
        parts.territory AS territory,
        parts.target AS target,
        parts.actual AS actual,
        parts.to_date AS to_date
    FROM parts
    UNION ALL
    SELECT
        gross.target_row_id AS target_row_id,
        gross.metric AS metric,
        gross.grain AS grain,
        gross.starts_on AS starts_on,
        gross.last_on AS last_on,
        gross.team AS team,
        gross.territory AS territory,
        CAST(gross.target - COALESCE(of_parts.target, CAST(0 AS DECIMAL(38, 2))) AS DECIMAL(38, 2)) AS target,
        CAST(gross.actual - COALESCE(of_parts.actual, CAST(0 AS DECIMAL(38, 6))) AS DECIMAL(38, 6)) AS actual,
        CAST(gross.to_date - COALESCE(of_parts.to_date, CAST(0 AS DECIMAL(38, 12))) AS DECIMAL(38, 12)) AS to_date
    FROM gross
    LEFT JOIN of_parts
        ON gross.target_row_id = of_parts.target_row_id
    WHERE gross.team IS NULL AND gross.territory IS NULL
)

SELECT
    netted.target_row_id AS target_row_id,
    netted.metric AS metric,
    netted.grain AS grain,
    netted.team AS team,
    netted.territory AS territory,
    netted.starts_on AS period_start,
    {{ add_days('netted.last_on', 1) }} AS period_end,
    netted.target AS target,
    netted.actual AS actual,
    CAST(netted.to_date AS DOUBLE) AS target_to_date
FROM netted
