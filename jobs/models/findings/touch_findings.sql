-- Touches that some number leaves out, and why.
-- Grain: one row per touch and rule.
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
