SELECT deal_id, epoch_us(created_at) AS us, epoch_us(created_at) - epoch_us(instant('2025-03-30T01:00:00Z')) AS after
FROM "deals"
