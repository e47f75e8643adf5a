-- Order lines that some number leaves out, and why.
-- Grain: one row per order line and rule.
WITH lines AS (
    SELECT
        order_lines.order_id || '#' || CAST(order_lines.line_number AS VARCHAR) AS key,
        order_lines.ordered_on AS ordered_on,
        order_lines.amount AS amount,
        order_lines.quantity AS quantity,
        order_lines.customer_id AS customer_id,
        order_lines.product_id AS product_id,
        order_lines.rep_id AS rep_id,
        rates.rate AS rate,
        constant_rates.rate AS constant_rate
    FROM {{ ref('stg_order_lines') }} AS order_lines
    LEFT JOIN {{ ref('exchange_rates') }} AS rates
        ON order_lines.currency = rates.currency AND order_lines.ordered_on = rates.day
    LEFT JOIN {{ ref('constant_rates') }} AS constant_rates
        ON order_lines.currency = constant_rates.currency
)

SELECT
    'amount_without_rate' AS rule,
    'crm.order_lines' AS table_name,
    lines.key AS key,
    lines.ordered_on AS ordered_on
FROM lines
WHERE lines.amount IS NOT NULL AND lines.rate IS NULL
UNION ALL
SELECT
    'amount_without_constant_rate' AS rule,
    'crm.order_lines' AS table_name,
    lines.key AS key,
    lines.ordered_on AS ordered_on
FROM lines
WHERE lines.amount IS NOT NULL AND lines.constant_rate IS NULL
UNION ALL
SELECT
    'no_customer' AS rule,
    'crm.order_lines' AS table_name,
    lines.key AS key,
    lines.ordered_on AS ordered_on
FROM lines
WHERE lines.customer_id IS NULL
UNION ALL
SELECT
    'no_product' AS rule,
    'crm.order_lines' AS table_name,
    lines.key AS key,
    lines.ordered_on AS ordered_on
FROM lines
WHERE lines.product_id IS NULL AND lines.quantity > 0
UNION ALL
SELECT
    'no_rep' AS rule,
    'crm.order_lines' AS table_name,
    lines.key AS key,
    lines.ordered_on AS ordered_on
FROM lines
WHERE lines.rep_id IS NULL
