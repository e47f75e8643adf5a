-- Order lines of customers in the first var new_revenue_days days from the day they were won, returns included.
-- Team and territory are those that won the customer, because these spent the cost of it.
-- Grain: one row per order line of a new customer.
SELECT
    lines.order_line_id AS new_customer_sale_id,
    lines.customer_id AS customer_id,
    lines.product_id AS product_id,
    first_wins.team AS team,
    first_wins.territory AS territory,
    lines.ordered_at AS ordered_at,
    lines.ordered_on AS ordered_on,
    lines.amount AS amount
FROM {{ ref('sales_lines') }} AS lines
INNER JOIN {{ ref('first_wins') }} AS first_wins
    ON lines.customer_id = first_wins.customer_id
WHERE
    lines.ordered_on >= first_wins.won_on
    AND {{ days_between('first_wins.won_on', 'lines.ordered_on') }} < {{ var('new_revenue_days') }}
