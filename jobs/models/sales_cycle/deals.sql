-- What stays the same of a deal from its opening to its close: the slices of open and of closed deals alike.
-- A balance needs such slices: what came in under one name must go out under it.
-- Grain: one row per deal.
SELECT
    opportunities.opportunity_id AS deal_id,
    opportunities.created_at AS created_at,
    opportunities.kind AS kind,
    opportunities.channel AS channel,
    opportunities.rep_id AS owner,
    spans.team AS opening_team
FROM {{ ref('stg_opportunities') }} AS opportunities
LEFT JOIN {{ ref('rep_spans') }} AS spans
    ON
        {{ holds_at('opportunities.rep_id', 'opportunities.created_at') }}
