-- Subscriptions that some number leaves out, and why.
-- Grain: one row per subscription and rule.
SELECT
    'ended_before_started' AS rule,
    'crm.subscriptions' AS table_name,
    CAST(subscriptions.subscription_id AS VARCHAR) AS key
FROM {{ source('crm', 'subscriptions') }} AS subscriptions
WHERE {{ seen_on('subscriptions.started_on') }} AND subscriptions.ended_on <= subscriptions.started_on
UNION ALL
SELECT
    'mrr_without_rate' AS rule,
    'crm.subscriptions' AS table_name,
    subscriptions.subscription_id AS key
FROM {{ ref('stg_subscriptions') }} AS subscriptions
LEFT JOIN {{ ref('exchange_rates') }} AS rates
    ON subscriptions.currency = rates.currency AND subscriptions.started_on = rates.day
WHERE subscriptions.mrr IS NOT NULL AND rates.rate IS NULL
UNION ALL
SELECT
    'no_mrr' AS rule,
    'crm.subscriptions' AS table_name,
    subscriptions.subscription_id AS key
FROM {{ ref('stg_subscriptions') }} AS subscriptions
WHERE subscriptions.mrr IS NULL
UNION ALL
SELECT
    'no_product' AS rule,
    'crm.subscriptions' AS table_name,
    subscriptions.subscription_id AS key
FROM {{ ref('stg_subscriptions') }} AS subscriptions
WHERE subscriptions.product_id IS NULL
UNION ALL
SELECT
    'no_family' AS rule,
    'crm.subscriptions' AS table_name,
    services.subscription_id AS key
FROM {{ ref('services') }} AS services
WHERE services.product_id IS NOT NULL AND services.family IS NULL
UNION ALL
SELECT
    'no_tier' AS rule,
    'crm.subscriptions' AS table_name,
    services.subscription_id AS key
FROM {{ ref('services') }} AS services
WHERE services.product_id IS NOT NULL AND services.tier IS NULL
