-- columns, an alias, literals of each type
SELECT deal_id, amount AS value, 7 AS seven, 'it''s 한글' AS words, true AS yes, CAST(NULL AS BIGINT) AS nothing
FROM "crm"."deals"
