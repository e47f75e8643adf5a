SELECT deal_id, CAST(won AS BIGINT) AS won_number, CAST(units AS BOOLEAN) AS units_boolean
FROM "deals"
