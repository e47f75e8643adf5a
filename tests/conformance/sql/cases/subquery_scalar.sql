SELECT deal_id, amount, amount - (SELECT min(amount) FROM "deals" WHERE amount > 0) AS above_least
FROM "deals"
WHERE amount > (SELECT avg(price) FROM "lines")
