-- What was reached of order lines (revenue) and deals won (won_deals), by day, and by team and territory at the event.
-- Grain: one row per metric, day, team and territory.
WITH events AS (
    SELECT
        'revenue' AS metric,
        lines.rep_id AS rep_id,
        lines.ordered_at AS happened_at,
        lines.ordered_on AS happened_on,
        lines.amount AS amount
    FROM {{ ref('sales_lines') }} AS lines
    UNION ALL
    SELECT
        'won_deals' AS metric,
        deals.rep_id AS rep_id,
        deals.closed_at AS happened_at,
        deals.closed_on AS happened_on,
        CAST(1 AS DECIMAL(38, 6)) AS amount
    FROM {{ ref('closed_deals') }} AS deals
    WHERE deals.is_won
)

SELECT
    events.metric AS metric,
    events.happened_on AS happened_on,
    spans.team AS team,
    spans.territory AS territory,
    sum(events.amount) AS amount
FROM events
LEFT JOIN {{ ref('rep_spans') }} AS spans
    ON
        {{ holds_at('events.rep_id', 'events.happened_at') }}
GROUP BY events.metric, events.happened_on, spans.team, spans.territory
