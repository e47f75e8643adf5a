-- Which customer has which product since when: its first subscription to it or first order line of positive quantity,
-- for good. Who returns everything still had it.
-- Grain: one row per customer and product.
WITH takings AS (
    SELECT
        subscriptions.customer_id AS customer_id,
        subscriptions.product_id AS product_id,
        subscriptions.started_on AS taken_on
    FROM {{ ref('stg_subscriptions') }} AS subscriptions
    UNION ALL
    SELECT
        order_lines.customer_id AS customer_id,
        order_lines.product_id AS product_id,
        order_lines.ordered_on AS taken_on
    FROM {{ ref('stg_order_lines') }} AS order_lines
    WHERE order_lines.quantity > 0
)

SELECT
    takings.customer_id AS customer_id,
    takings.product_id AS product_id,
    min(takings.taken_on) AS held_on
FROM takings
WHERE takings.customer_id IS NOT NULL AND takings.product_id IS NOT NULL
GROUP BY takings.customer_id, takings.product_id
