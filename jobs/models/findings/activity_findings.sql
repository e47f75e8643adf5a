-- Activities of humans that some number leaves out, and why.
-- Grain: one row per activity and rule.
SELECT
    'no_direction' AS rule,
    'crm.activities' AS table_name,
    activities.activity_id AS key
FROM {{ ref('stg_activities') }} AS activities
WHERE activities.direction IS NULL AND activities.lead_id IS NOT NULL AND NOT activities.is_automated
UNION ALL
SELECT
    'reach_unknown' AS rule,
    'crm.activities' AS table_name,
    touches.touch_id AS key
FROM {{ ref('touches') }} AS touches
WHERE NOT touches.is_reach_known
UNION ALL
SELECT
    'message_without_elements' AS rule,
    'crm.activities' AS table_name,
    touches.touch_id AS key
FROM {{ ref('touches') }} AS touches
WHERE touches.kind IN ('email', 'message') AND touches.message_elements IS NULL
UNION ALL
SELECT
    'no_rep' AS rule,
    'crm.activities' AS table_name,
    activities.activity_id AS key
FROM {{ ref('stg_activities') }} AS activities
WHERE activities.rep_id IS NULL AND NOT activities.is_automated
