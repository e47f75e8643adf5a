-- Deals with the instants of their opening and their end.
-- Grain: one row per deal.
SELECT
    deals.opportunity_id AS deal_id,
    deals.customer_id AS customer_id,
    deals.product_id AS product_id,
    deals.rep_id AS rep_id,
    deals.kind AS kind,
    deals.status AS status,
    deals.created_at AS created_at,
    deals.closed_at AS closed_at,
    deals.amount AS amount
FROM {{ ref('stg_opportunities') }} AS deals
