SELECT d.deal_id, d.customer
FROM "deals" AS d
WHERE EXISTS (SELECT 1 FROM "lines" AS l WHERE l.deal_id = d.deal_id AND l.discount > 0)
