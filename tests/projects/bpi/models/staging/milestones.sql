-- The first time that an application reached each milestone, and who decided on it; events before as-of only.
-- In: A_ and O_ events, all of them COMPLETE. The three decisions exclude one another in this log.
-- Trap: submitted is the event A_SUBMITTED, for cases.reg_date differs from it on every fourth case.
-- Grain: one row per application that was submitted.
WITH reached AS (
    SELECT
        events.case_id AS case_id,
        min(events.event_ts) FILTER (WHERE events.activity = 'A_SUBMITTED') AS submitted_at,
        min(events.event_ts) FILTER (WHERE events.activity = 'A_PREACCEPTED') AS preaccepted_at,
        min(events.event_ts) FILTER (WHERE events.activity = 'A_ACCEPTED') AS accepted_at,
        min(events.event_ts) FILTER (WHERE events.activity = 'O_SENT') AS offer_sent_at,
        min(events.event_ts) FILTER (WHERE events.activity = 'O_SENT_BACK') AS offer_back_at,
        min(events.event_ts) FILTER (WHERE events.activity = 'A_APPROVED') AS approved_at,
        min(events.event_ts) FILTER (WHERE events.activity = 'A_DECLINED') AS declined_at,
        min(events.event_ts) FILTER (WHERE events.activity = 'A_CANCELLED') AS cancelled_at,
        min(events.resource) FILTER (WHERE events.activity = 'A_APPROVED') AS approved_by,
        min(events.resource) FILTER (WHERE events.activity = 'A_DECLINED') AS declined_by,
        min(events.resource) FILTER (WHERE events.activity = 'A_CANCELLED') AS cancelled_by
    FROM {{ source('bpi', 'events') }} AS events
    WHERE events.lifecycle = 'COMPLETE' AND {{ seen_at('events.event_ts') }}
    GROUP BY events.case_id
)

SELECT
    reached.case_id AS case_id,
    reached.submitted_at AS submitted_at,
    reached.preaccepted_at AS preaccepted_at,
    reached.accepted_at AS accepted_at,
    reached.offer_sent_at AS offer_sent_at,
    reached.offer_back_at AS offer_back_at,
    reached.approved_at AS approved_at,
    COALESCE(reached.approved_at, reached.declined_at, reached.cancelled_at) AS decided_at,
    COALESCE(reached.approved_by, reached.declined_by, reached.cancelled_by) AS decided_by
FROM reached
WHERE reached.submitted_at IS NOT NULL
