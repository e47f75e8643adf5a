-- MRR at the start and at the end of a month, by which subscriptions serve on the day before it and on its last,
-- beside what the movements of the month say: start + movements = end, asserted as a data test.
-- Grain: one row per customer and month in which a subscription of the customer started or ended.
WITH months AS (
    SELECT
        services.customer_id AS customer_id,
        {{ first_of('month', 'services.started_on') }} AS month_start
    FROM {{ ref('services') }} AS services
    WHERE services.customer_id IS NOT NULL
    UNION
    SELECT
        services.customer_id AS customer_id,
        {{ first_of('month', 'services.ended_on') }} AS month_start
    FROM {{ ref('services') }} AS services
    WHERE services.customer_id IS NOT NULL AND services.ended_on IS NOT NULL
),

bounds AS (
    SELECT
        months.customer_id AS customer_id,
        months.month_start AS month_start,
        {{ add_months('months.month_start', 1) }} AS next_start
    FROM months
),

states AS (
    SELECT
        bounds.customer_id AS customer_id,
        bounds.month_start AS month_start,
        sum(
            CASE
                WHEN
                    services.started_on < bounds.month_start
                    AND (services.ended_on IS NULL OR services.ended_on >= bounds.month_start)
                    THEN services.mrr
            END
        ) AS mrr_at_start,
        sum(
            CASE
                WHEN
                    services.started_on < bounds.next_start
                    AND (services.ended_on IS NULL OR services.ended_on >= bounds.next_start)
                    THEN services.mrr
            END
        ) AS mrr_at_end
    FROM bounds
    INNER JOIN {{ ref('services') }} AS services
        ON bounds.customer_id = services.customer_id
    GROUP BY bounds.customer_id, bounds.month_start
),

dated AS (
    SELECT
        movements.customer_id AS customer_id,
        {{ first_of('month', 'movements.moved_on') }} AS month_start,
        movements.amount AS amount
    FROM {{ ref('mrr_movements') }} AS movements
),

moved AS (
    SELECT
        dated.customer_id AS customer_id,
        dated.month_start AS month_start,
        sum(dated.amount) AS amount
    FROM dated
    GROUP BY dated.customer_id, dated.month_start
)

SELECT
    states.customer_id AS customer_id,
    states.month_start AS month_start,
    COALESCE(states.mrr_at_start, CAST(0 AS DECIMAL(38, 6))) AS mrr_at_start,
    COALESCE(moved.amount, CAST(0 AS DECIMAL(38, 6))) AS movements,
    COALESCE(states.mrr_at_end, CAST(0 AS DECIMAL(38, 6))) AS mrr_at_end
FROM states
LEFT JOIN moved
    ON states.customer_id = moved.customer_id AND states.month_start = moved.month_start
