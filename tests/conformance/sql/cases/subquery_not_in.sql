SELECT deal_id, rep_id
FROM "deals"
WHERE rep_id NOT IN (SELECT rep_id FROM "reps")
