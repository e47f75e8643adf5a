SELECT DISTINCT rep_id, stage, amount
FROM "deals"
