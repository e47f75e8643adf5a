SELECT deal_id, amount * 2 AS twice, created_at
FROM "empty_deals"
