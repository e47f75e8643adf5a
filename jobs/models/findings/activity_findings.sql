-- Activities of humans that some number leaves out for what they say themselves, and why.
-- Grain: one row per activity and rule.
SELECT
    'no_direction' AS rule,
    'crm.activities' AS table_name,
    activities.activity_id AS key,
    activities.occurred_on AS occurred_on
FROM {{ ref('stg_activities') }} AS activities
WHERE activities.direction IS NULL AND activities.lead_id IS NOT NULL AND NOT activities.is_automated
UNION ALL
SELECT
    'no_rep' AS rule,
    'crm.activities' AS table_name,
    activities.activity_id AS key,
    activities.occurred_on AS occurred_on
FROM {{ ref('stg_activities') }} AS activities
WHERE activities.rep_id IS NULL AND NOT activities.is_automated
