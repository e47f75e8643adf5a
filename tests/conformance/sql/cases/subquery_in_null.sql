-- a null among the values does not matter to what is found
SELECT deal_id, stage
FROM "deals"
WHERE rep_id IN (SELECT manager_id FROM "reps")
