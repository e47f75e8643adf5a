-- Subscriptions with the family and tier of their product; MRR in the reporting currency at the rate of started_on.
-- Grain: one row per subscription that served on at least one day.
SELECT
    subscriptions.subscription_id AS subscription_id,
    subscriptions.customer_id AS customer_id,
    subscriptions.product_id AS product_id,
    subscriptions.rep_id AS rep_id,
    products.family AS family,
    products.tier AS tier,
    subscriptions.started_on AS started_on,
    subscriptions.ended_on AS ended_on,
    subscriptions.end_reason AS end_reason,
    {{ convert('subscriptions.mrr', 'rates.rate') }} AS mrr
FROM {{ ref('stg_subscriptions') }} AS subscriptions
LEFT JOIN {{ ref('exchange_rates') }} AS rates
    ON subscriptions.currency = rates.currency AND subscriptions.started_on = rates.day
LEFT JOIN {{ ref('products') }} AS products
    ON subscriptions.product_id = products.product_id
