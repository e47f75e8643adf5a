SELECT deal_id, amount / NULLIF(units, 0) AS per_unit, 1 / NULLIF(units, 0) AS inverse
FROM "deals"
