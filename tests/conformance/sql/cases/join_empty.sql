SELECT d.deal_id, e.deal_id AS other, e.amount
FROM "deals" AS d
LEFT JOIN "empty_deals" AS e ON e.deal_id = d.deal_id
