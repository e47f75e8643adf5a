-- What was reached of order lines (revenue) and deals won (won_deals), by day, and by team and territory at the event.
-- Of versions of a rep that overlap, which rep_version_overlaps refuses, the one that began last counts.
-- Grain: one row per metric, day, team and territory.
WITH events AS (
    SELECT
        'revenue' AS metric,
        lines.rep_id AS rep_id,
        lines.ordered_at AS happened_at,
        lines.ordered_on AS happened_on,
        lines.amount AS amount
    FROM {{ ref('sales_lines') }} AS lines
    UNION ALL
    SELECT
        'won_deals' AS metric,
        deals.rep_id AS rep_id,
        deals.closed_at AS happened_at,
        deals.closed_on AS happened_on,
        CAST(1 AS DECIMAL(38, 6)) AS amount
    FROM {{ ref('closed_deals') }} AS deals
    WHERE deals.is_won
),

moments AS (
    SELECT
        events.metric AS metric,
        events.rep_id AS rep_id,
        events.happened_at AS happened_at,
        events.happened_on AS happened_on,
        sum(events.amount) AS amount
    FROM events
    GROUP BY events.metric, events.rep_id, events.happened_at, events.happened_on
),

versions AS (
    SELECT
        moments.metric AS metric,
        moments.rep_id AS rep_id,
        moments.happened_at AS happened_at,
        reps.team AS team,
        reps.territory AS territory,
        row_number() OVER (
            PARTITION BY moments.metric, moments.rep_id, moments.happened_at
            ORDER BY
                {{ latest_version_first() }}
        ) AS place
    FROM moments
    INNER JOIN {{ ref('reps') }} AS reps
        ON
            moments.rep_id = reps.rep_id
            AND moments.happened_at >= reps.valid_from
            AND (reps.valid_to IS NULL OR moments.happened_at < reps.valid_to)
),

placed AS (
    SELECT
        moments.metric AS metric,
        moments.happened_on AS happened_on,
        versions.team AS team,
        versions.territory AS territory,
        moments.amount AS amount
    FROM moments
    LEFT JOIN versions
        ON
            moments.metric = versions.metric
            AND moments.rep_id = versions.rep_id
            AND moments.happened_at = versions.happened_at
            AND versions.place = 1
)

SELECT
    placed.metric AS metric,
    placed.happened_on AS happened_on,
    placed.team AS team,
    placed.territory AS territory,
    sum(placed.amount) AS amount
FROM placed
GROUP BY placed.metric, placed.happened_on, placed.team, placed.territory
