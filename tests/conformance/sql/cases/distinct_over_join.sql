SELECT DISTINCT d.customer, r.team
FROM "deals" AS d
INNER JOIN "reps" AS r ON r.rep_id = d.rep_id
