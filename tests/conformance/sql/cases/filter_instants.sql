-- instants compare with literals to the microsecond
SELECT deal_id, created_at
FROM "deals"
WHERE created_at >= instant('2025-03-30T00:59:59.999999Z') AND created_at < instant('2025-10-26T00:30:00.000001Z')
