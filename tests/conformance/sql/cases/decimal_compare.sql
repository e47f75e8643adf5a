-- decimals of different scales and integers compare by value
SELECT deal_id, amount, amount = 100 AS is_hundred, amount < 75.505 AS below, amount = 0 AS is_zero
FROM "deals"
