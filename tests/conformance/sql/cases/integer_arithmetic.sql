SELECT deal_id, units + 1 AS more, units - 10 AS fewer, units * -2 AS twice, -units AS turned, units % 4 AS rest
FROM "deals"
WHERE units IS NULL OR units >= 0
