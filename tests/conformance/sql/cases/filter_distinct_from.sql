SELECT deal_id, stage, stage IS DISTINCT FROM 'won' AS other, stage IS NOT DISTINCT FROM NULL AS unset
FROM "deals"
WHERE stage IS DISTINCT FROM 'lost'
