SELECT deal_id, abs(amount) AS amount_size, abs(units) AS units_size
FROM "deals"
