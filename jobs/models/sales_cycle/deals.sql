-- What stays the same of a deal from its opening to its close: the slices of open and of closed deals alike.
-- A balance needs such slices: what came in under one name must go out under it.
-- Grain: one row per deal.
SELECT
    opportunities.opportunity_id AS deal_id,
    opportunities.kind AS kind,
    opportunities.channel AS channel,
    opportunities.rep_id AS owner,
    reps.team AS opening_team
FROM {{ ref('stg_opportunities') }} AS opportunities
LEFT JOIN {{ ref('reps') }} AS reps
    ON
        opportunities.rep_id = reps.rep_id
        AND opportunities.created_at >= reps.valid_from
        AND (opportunities.created_at < reps.valid_to OR reps.valid_to IS NULL)
