-- Stage visits that the mean counts as no time, because the next change of the deal is of the same instant, and changes
-- that begin no visit, because they are the last of a deal that had closed by then.
-- Grain: one row per stage change and rule.
SELECT
    'visit_without_time' AS rule,
    'crm.stage_changes' AS table_name,
    visits.stage_visit_id AS key
FROM {{ ref('stage_entries') }} AS visits
WHERE visits.exited_at = visits.entered_at
UNION ALL
SELECT
    'entered_at_or_after_close' AS rule,
    'crm.stage_changes' AS table_name,
    visits.stage_visit_id AS key
FROM {{ ref('stage_entries') }} AS visits
WHERE visits.exited_at IS NULL AND visits.closed_at IS NOT NULL
