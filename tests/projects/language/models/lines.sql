-- Order lines by day; amounts are not converted, so that no rate is in the way.
-- Grain: one row per order line.
SELECT
    lines.order_id || '#' || CAST(lines.line_number AS VARCHAR) AS line_id,
    lines.order_id AS order_id,
    lines.customer_id AS customer_id,
    lines.product_id AS product_id,
    lines.channel AS channel,
    lines.ordered_on AS ordered_on,
    lines.quantity AS quantity,
    lines.amount AS amount
FROM {{ ref('stg_order_lines') }} AS lines
