-- the limit holds before the filter around it
SELECT deal_id, stage
FROM (SELECT deal_id, stage FROM "deals" ORDER BY deal_id ASC NULLS LAST LIMIT 5) AS first_five
WHERE stage = 'lost'
