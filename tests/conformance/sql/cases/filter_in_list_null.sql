-- a null in the list makes what is not found unknown
SELECT deal_id, stage, stage IN ('won', NULL) AS listed, stage NOT IN ('won', NULL) AS unlisted
FROM "deals"
