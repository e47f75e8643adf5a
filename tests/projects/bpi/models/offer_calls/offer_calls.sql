-- Calls after sent offers (starts of the work item `W_Nabellen offertes`), by the day of the call.
-- Trap: 3,129 of them have no resource. They stay: by rep, they are the slice `(none)`.
-- Grain: one row per call.
SELECT
    events.case_id || '#' || CAST(events.event_seq AS VARCHAR) AS offer_call_id,
    events.case_id AS case_id,
    CAST(events.resource AS VARCHAR) AS rep_id,
    events.event_ts AS called_at
FROM {{ source('bpi', 'events') }} AS events
WHERE
    events.activity = 'W_Nabellen offertes'
    AND events.lifecycle = 'START'
    AND {{ seen_at('events.event_ts') }}
