SELECT deal_id, stage
FROM "deals"
WHERE stage NOT IN ('won', 'open')
