-- Where customers are, and since when they order.
-- Grain: one row per customer.
SELECT
    customers.customer_id AS customer_id,
    customers.territory AS area,
    first_orders.first_ordered_on AS first_ordered_on
FROM {{ ref('stg_customers') }} AS customers
LEFT JOIN (
    SELECT
        lines.customer_id AS customer_id,
        MIN(lines.ordered_on) AS first_ordered_on
    FROM {{ ref('stg_order_lines') }} AS lines
    GROUP BY lines.customer_id
) AS first_orders
    ON customers.customer_id = first_orders.customer_id
