-- What stays the same of a deal from its opening to its close: the slices of open and of closed deals alike.
-- A balance needs such slices: what came in under one name must go out under it.
-- Of versions of a rep that overlap, which rep_version_overlaps refuses, the one that began last counts.
-- Grain: one row per deal.
WITH versions AS (
    SELECT
        opportunities.opportunity_id AS deal_id,
        reps.team AS team,
        row_number() OVER (
            PARTITION BY opportunities.opportunity_id
            ORDER BY {{ latest_version_first() }}
        ) AS place
    FROM {{ ref('stg_opportunities') }} AS opportunities
    INNER JOIN {{ ref('reps') }} AS reps
        ON
            opportunities.rep_id = reps.rep_id
            AND opportunities.created_at >= reps.valid_from
            AND (reps.valid_to IS NULL OR opportunities.created_at < reps.valid_to)
)

SELECT
    opportunities.opportunity_id AS deal_id,
    opportunities.created_at AS created_at,
    opportunities.kind AS kind,
    opportunities.channel AS channel,
    opportunities.rep_id AS owner,
    versions.team AS opening_team
FROM {{ ref('stg_opportunities') }} AS opportunities
LEFT JOIN versions
    ON opportunities.opportunity_id = versions.deal_id AND versions.place = 1
