-- What was reached of each metric that may have a target, by day, and by team and territory at the event.
-- In: order lines (revenue), deals won (won_deals), first wins (new_customers).
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

placed AS (
    SELECT
        events.metric AS metric,
        events.happened_on AS happened_on,
        reps.team AS team,
        reps.territory AS territory,
        events.amount AS amount
    FROM events
    LEFT JOIN {{ ref('reps') }} AS reps
        ON
            events.rep_id = reps.rep_id
            AND events.happened_at >= reps.valid_from
            AND (reps.valid_to IS NULL OR events.happened_at < reps.valid_to)
    UNION ALL
    SELECT
        'new_customers' AS metric,
        first_wins.won_on AS happened_on,
        first_wins.team AS team,
        first_wins.territory AS territory,
        CAST(1 AS DECIMAL(38, 6)) AS amount
    FROM {{ ref('first_wins') }} AS first_wins
)

SELECT
    placed.metric AS metric,
    placed.happened_on AS happened_on,
    placed.team AS team,
    placed.territory AS territory,
    sum(placed.amount) AS amount
FROM placed
GROUP BY placed.metric, placed.happened_on, placed.team, placed.territory
