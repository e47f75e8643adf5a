-- The log has no orders: an application approved is an order of one loan, when it was approved, at the amount asked for.
SELECT
    opportunities.opportunity_id AS order_id,
    CAST(1 AS BIGINT) AS line_number,
    opportunities.closed_at AS ordered_at,
    opportunities.closed_on AS ordered_on,
    opportunities.customer_id AS customer_id,
    opportunities.product_id AS product_id,
    opportunities.rep_id AS rep_id,
    CAST(NULL AS VARCHAR) AS location,
    CAST(NULL AS VARCHAR) AS channel,
    CAST(1 AS BIGINT) AS quantity,
    opportunities.amount AS amount,
    opportunities.currency AS currency
FROM {{ ref('stg_opportunities') }} AS opportunities
WHERE opportunities.status = 'won'
