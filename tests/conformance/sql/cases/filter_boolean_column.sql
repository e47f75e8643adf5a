SELECT deal_id, won
FROM "deals"
WHERE won
