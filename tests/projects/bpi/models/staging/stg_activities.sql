-- Activities: the starts of work items (W_), before as-of. Each counts as outbound, as the reference answers have it.
-- `Nabellen` is calling after somebody; the other items are work on the file, and messages.
-- Trap: `112` is the automatic system, and no human response.
-- Trap: where no resource is recorded, nobody knows that a human did it; the packaged rule takes an activity that
-- does not say for a human's, so these are marked as automated here. They have no rep.
SELECT
    events.case_id || '#' || CAST(events.event_seq AS VARCHAR) AS activity_id,
    events.event_ts AS occurred_at,
    {{ local_date('events.event_ts') }} AS occurred_on,
    CASE WHEN substr(events.activity, 1, 11) = 'W_Nabellen ' THEN 'call' ELSE 'message' END AS kind,
    'outbound' AS direction,
    COALESCE(events.resource, '{{ var("system_resource") }}') = '{{ var("system_resource") }}' AS is_automated,
    CAST(events.case_id AS VARCHAR) AS lead_id,
    CAST(events.case_id AS VARCHAR) AS opportunity_id,
    CAST(events.case_id AS VARCHAR) AS customer_id,
    CASE WHEN events.resource <> '{{ var("system_resource") }}' THEN CAST(events.resource AS VARCHAR) END AS rep_id,
    CAST(NULL AS BOOLEAN) AS reached,
    CAST(NULL AS INTEGER) AS personalized_elements,
    CAST(NULL AS INTEGER) AS duration_seconds
FROM {{ source('bpi', 'events') }} AS events
WHERE
    substr(events.activity, 1, 2) = 'W_'
    AND events.lifecycle = 'START'
    AND {{ seen_at('events.event_ts') }}
