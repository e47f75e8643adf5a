SELECT r.rep_id, r.valid_from, y.day
FROM "reps" AS r
INNER JOIN "days" AS y ON y.day >= r.valid_from AND y.day < r.valid_to
