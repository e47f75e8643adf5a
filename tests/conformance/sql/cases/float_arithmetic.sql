SELECT deal_id, score + 0.25 AS more, score * CAST(units AS DOUBLE) AS product, CAST(amount AS DOUBLE) - score AS rest
FROM "deals"
