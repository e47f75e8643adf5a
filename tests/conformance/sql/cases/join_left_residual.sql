-- a condition in ON keeps the row of the left side
SELECT d.deal_id, l.line_id, l.quantity
FROM "deals" AS d
LEFT JOIN "lines" AS l ON l.deal_id = d.deal_id AND l.quantity > 1 AND d.stage = 'won'
