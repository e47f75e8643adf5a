SELECT y.day, s.stage
FROM "days" AS y
CROSS JOIN (SELECT DISTINCT stage FROM "deals") AS s
