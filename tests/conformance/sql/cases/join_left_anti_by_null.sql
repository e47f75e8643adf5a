SELECT d.deal_id, d.rep_id
FROM "deals" AS d
LEFT JOIN "reps" AS r ON r.rep_id = d.rep_id
WHERE r.rep_id IS NULL
