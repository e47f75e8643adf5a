-- Deals opened before as-of; a deal closed at or after as-of is still open.
SELECT
    CAST(opportunities.opportunity_id AS VARCHAR) AS opportunity_id,
    opportunities.created_at AS created_at,
    {{ local_date('opportunities.created_at') }} AS created_on,
    CASE
        WHEN {{ seen_at('opportunities.closed_at') }} THEN CAST(opportunities.status AS VARCHAR)
        ELSE 'open'
    END AS status,
    CASE
        WHEN opportunities.status <> 'open' AND {{ seen_at('opportunities.closed_at') }} THEN opportunities.closed_at
    END AS closed_at,
    CASE
        WHEN opportunities.status <> 'open' AND {{ seen_at('opportunities.closed_at') }}
            THEN {{ local_date('opportunities.closed_at') }}
    END AS closed_on,
    CAST(opportunities.customer_id AS VARCHAR) AS customer_id,
    CAST(opportunities.lead_id AS VARCHAR) AS lead_id,
    CAST(opportunities.rep_id AS VARCHAR) AS rep_id,
    CAST(opportunities.product_id AS VARCHAR) AS product_id,
    CAST(opportunities.channel AS VARCHAR) AS channel,
    CAST(opportunities.kind AS VARCHAR) AS kind,
    CAST(opportunities.amount AS DECIMAL(18, 2)) AS amount,
    COALESCE(CAST(opportunities.currency AS VARCHAR), '{{ var("reporting_currency") }}') AS currency
FROM {{ source('crm', 'opportunities') }} AS opportunities
WHERE {{ seen_at('opportunities.created_at') }}
