SELECT d.deal_id, y.day, days_between(y.day, d.closed_on) AS distance
FROM "deals" AS d
INNER JOIN "days" AS y ON y.day > d.closed_on AND y.day <= add_days(d.closed_on, 7)
