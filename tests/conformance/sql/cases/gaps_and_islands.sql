-- subscriptions of a customer that touch or overlap are one spell; a gap of up to five days does not end it
WITH marked AS (
    SELECT
        customer,
        started_on,
        COALESCE(ended_on, CAST('2025-12-31' AS DATE)) AS ended_on,
        max(COALESCE(ended_on, CAST('2025-12-31' AS DATE))) OVER (
            PARTITION BY customer
            ORDER BY started_on ASC NULLS LAST, ended_on ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
    FROM "subscriptions"
),
numbered AS (
    SELECT
        customer,
        started_on,
        ended_on,
        sum(CASE WHEN reached IS NULL OR started_on > add_days(reached, 5) THEN 1 ELSE 0 END) OVER (
            PARTITION BY customer
            ORDER BY started_on ASC NULLS LAST, ended_on ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS spell
    FROM marked
)
SELECT customer, spell, min(started_on) AS started_on, max(ended_on) AS ended_on, count(*) AS subscriptions
FROM numbered
GROUP BY customer, spell
