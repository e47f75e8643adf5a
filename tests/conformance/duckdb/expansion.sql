-- metrics: upsell_customers, cross_sell_customers
-- group_by: metric_time__month
-- By the rule's own words, per subscription that starts: the customer was active the day before (or within a gap of
-- at most 30 days); cross-sell: the family was never held before; upsell: the tier is above every tier of the family
-- that was held the day before or ended at most 30 days before. Months in which some subscription starts or ends.
WITH services AS (
    SELECT s.customer_id, s.started_on, s.ended_on, p.family, p.tier
    FROM stg_subscriptions AS s
    LEFT JOIN stg_products AS p ON s.product_id = p.product_id
),

starts AS (
    SELECT
        s.customer_id,
        date_trunc('month', s.started_on)::DATE AS month,
        exists(
            SELECT 1 FROM services AS o
            WHERE o.customer_id = s.customer_id AND o.started_on < s.started_on
                AND (o.ended_on IS NULL OR s.started_on - o.ended_on <= 30)
        ) AS was_active,
        exists(
            SELECT 1 FROM services AS o
            WHERE o.customer_id = s.customer_id AND o.family = s.family AND o.started_on < s.started_on
        ) AS had_family,
        s.tier > (
            SELECT max(o.tier) FROM services AS o
            WHERE o.customer_id = s.customer_id AND o.family = s.family AND o.started_on < s.started_on
                AND (o.ended_on IS NULL OR s.started_on - o.ended_on <= 30)
        ) AS is_above,
        s.family IS NOT NULL AS has_family
    FROM services AS s
),

months AS (
    SELECT date_trunc('month', started_on)::DATE AS month FROM services
    UNION
    SELECT date_trunc('month', ended_on)::DATE FROM services WHERE ended_on IS NOT NULL
)

SELECT
    months.month AS metric_time__month,
    count(DISTINCT customer_id) FILTER (WHERE was_active AND is_above) AS upsell_customers,
    count(DISTINCT customer_id) FILTER (WHERE was_active AND has_family AND NOT had_family) AS cross_sell_customers
FROM months
LEFT JOIN starts ON months.month = starts.month
GROUP BY months.month
