-- a scalar subquery without a row is null
SELECT deal_id, COALESCE((SELECT max(amount) FROM "empty_deals"), amount) AS amount_or_own
FROM "deals"
WHERE amount > 1000
