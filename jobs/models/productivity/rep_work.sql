-- What shows that a rep was at work: an activity of a human, an order line, a deal won.
-- Grain: one row per such event that names a rep.
WITH work AS (
    SELECT
        activities.rep_id AS rep_id,
        activities.occurred_at AS worked_at
    FROM {{ ref('rep_activities') }} AS activities
    UNION ALL
    SELECT
        lines.rep_id AS rep_id,
        lines.ordered_at AS worked_at
    FROM {{ ref('sales_lines') }} AS lines
    UNION ALL
    SELECT
        deals.rep_id AS rep_id,
        deals.closed_at AS worked_at
    FROM {{ ref('closed_deals') }} AS deals
    WHERE deals.is_won
)

SELECT
    work.rep_id AS rep_id,
    work.worked_at AS worked_at
FROM work
WHERE work.rep_id IS NOT NULL
