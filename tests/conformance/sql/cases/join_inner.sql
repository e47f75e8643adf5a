-- null keys never meet
SELECT d.deal_id, l.line_id, l.product, d.amount
FROM "deals" AS d
INNER JOIN "lines" AS l ON l.deal_id = d.deal_id
