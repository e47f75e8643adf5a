-- What was reached of each metric that may have a target, by day, and by team and territory at the event.
-- In: what order lines and deals won add up to by day (revenue, won_deals), and first wins (new_customers).
-- Grain: one row per metric, day, team and territory.
WITH placed AS (
    SELECT
        daily.metric AS metric,
        daily.happened_on AS happened_on,
        daily.team AS team,
        daily.territory AS territory,
        daily.amount AS amount
    FROM {{ ref('daily_actuals') }} AS daily
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
