-- metrics: active_customers, customers_at_start, churned_customers, customer_churn_rate
-- group_by: metric_time__month
-- Day by day, by the rule's own words: a customer is active on a day that a subscription serves,
-- and on the days of a gap of at most 30 days between two services. A lapse is a day that is not active after one that was.
WITH services AS (
    SELECT customer_id, started_on, ended_on
    FROM stg_subscriptions
),

gaps AS (
    SELECT earlier.customer_id, earlier.ended_on AS started_on, min(later.started_on) AS ended_on
    FROM services AS earlier
    INNER JOIN services AS later
        ON earlier.customer_id = later.customer_id AND later.started_on > earlier.ended_on
    GROUP BY earlier.customer_id, earlier.ended_on
    HAVING min(later.started_on) - earlier.ended_on <= 30
),

days AS (
    SELECT DISTINCT held.customer_id, spine.date_day
    FROM (SELECT * FROM services UNION ALL SELECT * FROM gaps) AS held
    INNER JOIN time_spine_daily AS spine
        ON spine.date_day >= held.started_on AND (held.ended_on IS NULL OR spine.date_day < held.ended_on)
),

active AS (
    SELECT date_day, count(*) AS customers
    FROM days
    GROUP BY date_day
),

lapses AS (
    SELECT date_trunc('month', date_day + 1)::DATE AS month, count(*) AS customers
    FROM days
    WHERE
        date_day + 1 <= (SELECT max(date_day) FROM time_spine_daily)
        AND (customer_id, date_day + 1) NOT IN (SELECT (customer_id, date_day) FROM days)
    GROUP BY 1
),

months AS (
    SELECT date_trunc('month', date_day)::DATE AS month, min(date_day) AS first_day, max(date_day) AS last_day
    FROM time_spine_daily
    WHERE date_day >= (SELECT date_trunc('month', min(date_day)) FROM active)
    GROUP BY 1
)

SELECT
    months.month AS metric_time__month,
    coalesce(at_end.customers, 0) AS active_customers,
    coalesce(at_start.customers, 0) AS customers_at_start,
    coalesce(lapses.customers, 0)::BIGINT AS churned_customers,
    coalesce(lapses.customers, 0)::DOUBLE / nullif(at_start.customers, 0) AS customer_churn_rate
FROM months
LEFT JOIN active AS at_end ON months.last_day = at_end.date_day
LEFT JOIN active AS at_start ON months.first_day - 1 = at_start.date_day
LEFT JOIN lapses ON months.month = lapses.month
