SELECT deal_id, stage, stage IN ('won', 'open') AS listed
FROM "deals"
WHERE units IN (1, 7, -3) OR stage IN ('open')
