-- null is neither true nor false
SELECT deal_id, won, amount
FROM "deals"
WHERE NOT won OR amount > 2000
