-- a null among the values leaves nothing
SELECT deal_id, rep_id
FROM "deals"
WHERE deal_id NOT IN (SELECT deal_id FROM "lines")
