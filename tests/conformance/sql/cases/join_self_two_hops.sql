SELECT r.rep_id, r.valid_from, r.manager_id, m.name AS manager, m.team AS manager_team
FROM "reps" AS r
LEFT JOIN "reps" AS m ON m.rep_id = r.manager_id AND m.valid_to IS NULL
