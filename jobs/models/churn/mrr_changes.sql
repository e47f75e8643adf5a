-- What every start (+) and end (-) of a subscription changed in MRR, by its own product and rep.
-- Unlike mrr_movements it keeps the two sides of an upgrade apart, so that balances by product and rep are right.
-- A subscription without a customer is nobody's revenue and is left out: services counts it.
-- Grain: one row per subscription and start or end.
WITH changes AS (
    SELECT
        services.subscription_id || '#start' AS mrr_change_id,
        services.customer_id AS customer_id,
        services.product_id AS product_id,
        services.rep_id AS rep_id,
        services.started_on AS changed_on,
        services.mrr AS amount
    FROM {{ ref('services') }} AS services
    UNION ALL
    SELECT
        services.subscription_id || '#end' AS mrr_change_id,
        services.customer_id AS customer_id,
        services.product_id AS product_id,
        services.rep_id AS rep_id,
        services.ended_on AS changed_on,
        -services.mrr AS amount
    FROM {{ ref('services') }} AS services
    WHERE services.ended_on IS NOT NULL
)

SELECT
    changes.mrr_change_id AS mrr_change_id,
    changes.customer_id AS customer_id,
    changes.product_id AS product_id,
    changes.rep_id AS rep_id,
    changes.changed_on AS changed_on,
    changes.amount AS amount,
    {{ at_margin('changes.amount') }} AS margin_amount
FROM changes
WHERE changes.customer_id IS NOT NULL
