-- Leads that came in before as-of; a conversion at or after as-of is not seen.
SELECT
    CAST(leads.lead_id AS VARCHAR) AS lead_id,
    leads.created_at AS created_at,
    {{ local_date('leads.created_at') }} AS created_on,
    CAST(leads.source AS VARCHAR) AS source,
    CAST(leads.offer AS VARCHAR) AS offer,
    CAST(leads.temperature AS VARCHAR) AS temperature,
    CAST(leads.rep_id AS VARCHAR) AS rep_id,
    CAST(leads.territory AS VARCHAR) AS territory,
    CAST(leads.customer_id AS VARCHAR) AS customer_id,
    CASE WHEN {{ seen_at('leads.converted_at') }} THEN leads.converted_at END AS converted_at,
    CASE WHEN {{ seen_at('leads.converted_at') }} THEN {{ local_date('leads.converted_at') }} END AS converted_on
FROM {{ source('crm', 'leads') }} AS leads
WHERE {{ seen_at('leads.created_at') }}
