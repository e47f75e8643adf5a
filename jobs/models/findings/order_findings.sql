-- Order lines whose amount no revenue has, because their currency has no rate on the day.
-- Grain: one row per order line and rule.
SELECT
    'amount_without_rate' AS rule,
    'crm.order_lines' AS table_name,
    order_lines.order_id || '#' || CAST(order_lines.line_number AS VARCHAR) AS key
FROM {{ ref('stg_order_lines') }} AS order_lines
LEFT JOIN {{ ref('exchange_rates') }} AS rates
    ON order_lines.currency = rates.currency AND order_lines.ordered_on = rates.day
WHERE order_lines.amount IS NOT NULL AND rates.rate IS NULL
