-- Deals that some number leaves out, and why.
-- Grain: one row per deal and rule.
SELECT
    'closed_before_created' AS rule,
    'crm.opportunities' AS table_name,
    deals.opportunity_id AS key
FROM {{ ref('stg_opportunities') }} AS deals
WHERE deals.closed_at < deals.created_at
UNION ALL
SELECT
    'amount_without_rate' AS rule,
    'crm.opportunities' AS table_name,
    deals.opportunity_id AS key
FROM {{ ref('stg_opportunities') }} AS deals
LEFT JOIN {{ ref('exchange_rates') }} AS rates
    ON deals.currency = rates.currency AND deals.closed_on = rates.day
WHERE deals.closed_on IS NOT NULL AND deals.amount IS NOT NULL AND rates.rate IS NULL
UNION ALL
SELECT
    'amount_without_rate_at_creation' AS rule,
    'crm.opportunities' AS table_name,
    deals.opportunity_id AS key
FROM {{ ref('stg_opportunities') }} AS deals
LEFT JOIN {{ ref('exchange_rates') }} AS rates
    ON deals.currency = rates.currency AND deals.created_on = rates.day
WHERE deals.amount IS NOT NULL AND rates.rate IS NULL
UNION ALL
SELECT
    'open_without_amount' AS rule,
    'crm.opportunities' AS table_name,
    deals.opportunity_id AS key
FROM {{ ref('stg_opportunities') }} AS deals
WHERE deals.closed_at IS NULL AND deals.amount IS NULL
UNION ALL
SELECT
    'closed_without_amount' AS rule,
    'crm.opportunities' AS table_name,
    deals.opportunity_id AS key
FROM {{ ref('stg_opportunities') }} AS deals
WHERE deals.closed_at IS NOT NULL AND (deals.amount IS NULL OR deals.amount <= CAST(0 AS DECIMAL(18, 2)))
UNION ALL
SELECT
    'won_without_customer' AS rule,
    'crm.opportunities' AS table_name,
    deals.opportunity_id AS key
FROM {{ ref('stg_opportunities') }} AS deals
WHERE deals.status = 'won' AND deals.customer_id IS NULL
UNION ALL
SELECT
    'won_without_rep' AS rule,
    'crm.opportunities' AS table_name,
    deals.opportunity_id AS key
FROM {{ ref('stg_opportunities') }} AS deals
WHERE deals.status = 'won' AND deals.rep_id IS NULL
