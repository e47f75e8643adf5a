-- Order lines before as-of; a return is a line of negative quantity.
SELECT
    CAST(order_lines.order_id AS VARCHAR) AS order_id,
    CAST(order_lines.line_number AS BIGINT) AS line_number,
    order_lines.ordered_at AS ordered_at,
    {{ local_date('order_lines.ordered_at') }} AS ordered_on,
    CAST(order_lines.customer_id AS VARCHAR) AS customer_id,
    CAST(order_lines.product_id AS VARCHAR) AS product_id,
    CAST(order_lines.rep_id AS VARCHAR) AS rep_id,
    CAST(order_lines.location AS VARCHAR) AS location,
    CAST(order_lines.channel AS VARCHAR) AS channel,
    CAST(order_lines.quantity AS BIGINT) AS quantity,
    CAST(order_lines.amount AS DECIMAL(18, 2)) AS amount,
    COALESCE(CAST(order_lines.currency AS VARCHAR), '{{ var("reporting_currency") }}') AS currency
FROM {{ source('crm', 'order_lines') }} AS order_lines
WHERE {{ seen_at('order_lines.ordered_at') }}
