-- dates and instants pass through unchanged, microseconds included
SELECT deal_id, created_at, closed_on
FROM "deals"
