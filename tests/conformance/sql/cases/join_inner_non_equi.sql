SELECT a.deal_id AS smaller, b.deal_id AS larger
FROM "deals" AS a
INNER JOIN "deals" AS b ON a.rep_id = b.rep_id AND a.amount < b.amount
