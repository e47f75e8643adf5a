-- Order lines and returns, by the day of the order.
-- Amounts are in the reporting currency at the rate of ordered_on; a return is a line of negative quantity.
-- constant_amount is converted at one rate per currency, whatever the day.
-- Grain: one row per order line.
WITH lines AS (
    SELECT
        order_lines.order_id AS order_id,
        order_lines.line_number AS line_number,
        order_lines.customer_id AS customer_id,
        order_lines.product_id AS product_id,
        order_lines.rep_id AS rep_id,
        order_lines.channel AS channel,
        order_lines.location AS location,
        order_lines.ordered_at AS ordered_at,
        order_lines.ordered_on AS ordered_on,
        order_lines.quantity AS quantity,
        {{ convert('order_lines.amount', 'rates.rate') }} AS amount,
        {{ convert('order_lines.amount', 'constant_rates.rate') }} AS constant_amount
    FROM {{ ref('stg_order_lines') }} AS order_lines
    LEFT JOIN {{ ref('exchange_rates') }} AS rates
        ON order_lines.currency = rates.currency AND order_lines.ordered_on = rates.day
    LEFT JOIN {{ ref('constant_rates') }} AS constant_rates
        ON order_lines.currency = constant_rates.currency
)

SELECT
    lines.order_id || '#' || CAST(lines.line_number AS VARCHAR) AS order_line_id,
    lines.customer_id AS customer_id,
    lines.product_id AS product_id,
    lines.rep_id AS rep_id,
    lines.channel AS channel,
    lines.location AS location,
    lines.ordered_at AS ordered_at,
    lines.ordered_on AS ordered_on,
    lines.quantity AS quantity,
    CASE WHEN lines.quantity < 0 THEN -lines.quantity ELSE 0 END AS returned_quantity,
    CASE WHEN lines.quantity > 0 THEN lines.order_id END AS sold_order_id,
    lines.amount AS amount,
    lines.constant_amount AS constant_amount,
    CASE WHEN lines.quantity < 0 THEN CAST(0 AS DECIMAL(38, 6)) ELSE lines.amount END AS gross_amount,
    CASE WHEN lines.quantity < 0 THEN lines.amount ELSE CAST(0 AS DECIMAL(38, 6)) END AS returned_amount
FROM lines
