-- Deals by the day on which they were opened, so that a day of orders can be compared with it.
-- Grain: one row per deal.
SELECT
    deals.opportunity_id AS opening_id,
    deals.customer_id AS customer_id,
    deals.product_id AS product_id,
    deals.kind AS kind,
    {{ local_date('deals.created_at') }} AS opened_on,
    deals.created_at AS opened_at,
    deals.amount AS amount
FROM {{ ref('stg_opportunities') }} AS deals
