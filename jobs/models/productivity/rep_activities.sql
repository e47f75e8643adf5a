-- Activities of humans, in and out, by when they happened.
-- The customer is that of the activity, else that of its deal; a lead is no customer.
-- Grain: one row per activity of a human.
SELECT
    activities.activity_id AS activity_id,
    activities.opportunity_id AS opportunity_id,
    activities.rep_id AS rep_id,
    COALESCE(activities.customer_id, opportunities.customer_id) AS customer_id,
    activities.kind AS kind,
    activities.direction AS direction,
    activities.occurred_at AS occurred_at,
    activities.occurred_on AS occurred_on,
    activities.kind = 'call' AS is_call,
    activities.duration_seconds AS duration_seconds
FROM {{ ref('stg_activities') }} AS activities
LEFT JOIN {{ ref('stg_opportunities') }} AS opportunities
    ON activities.opportunity_id = opportunities.opportunity_id
WHERE NOT activities.is_automated
