-- starts and ends as movements, and the balance after each day
WITH movements AS (
    SELECT started_on AS moved_on, 1 AS change, monthly AS amount FROM "subscriptions"
    UNION ALL
    SELECT ended_on, -1, -monthly FROM "subscriptions" WHERE ended_on IS NOT NULL
),
by_day AS (
    SELECT moved_on, sum(change) AS change, sum(amount) AS amount FROM movements GROUP BY moved_on
)
SELECT
    moved_on,
    change,
    sum(change) OVER (ORDER BY moved_on ASC NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS active,
    sum(amount) OVER (ORDER BY moved_on ASC NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS monthly
FROM by_day
