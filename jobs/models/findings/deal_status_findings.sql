-- Deals that are won or lost by their status and have no close: they count as open.
-- Grain: one row per deal.
SELECT
    'won_or_lost_without_close' AS rule,
    'crm.opportunities' AS table_name,
    CAST(deals.opportunity_id AS VARCHAR) AS key
FROM {{ source('crm', 'opportunities') }} AS deals
WHERE deals.status IN ('won', 'lost') AND deals.closed_at IS NULL AND {{ seen_at('deals.created_at') }}
