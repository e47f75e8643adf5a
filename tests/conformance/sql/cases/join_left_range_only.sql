-- no equality at all, and the left rows without a match stay
SELECT s.customer, s.product, s.started_on, y.day
FROM "subscriptions" AS s
LEFT JOIN "days" AS y ON y.day >= s.started_on AND y.day < s.ended_on AND y.kind = 'work'
