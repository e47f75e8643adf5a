-- a null operand makes || null
SELECT deal_id, rep_id || ':' || deal_id AS key, concat('[', deal_id, ']') AS boxed, deal_id || CAST(units AS VARCHAR) AS numbered
FROM "deals"
