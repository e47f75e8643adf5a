-- the same condition in WHERE takes it away
SELECT d.deal_id, l.line_id, l.quantity
FROM "deals" AS d
LEFT JOIN "lines" AS l ON l.deal_id = d.deal_id
WHERE l.quantity > 1 OR d.stage = 'open'
