SELECT deal_id, stage
FROM "deals"
WHERE deal_id IN (SELECT deal_id FROM "lines" WHERE quantity > 1)
