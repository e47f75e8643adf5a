SELECT l.line_id, l.deal_id, d.stage, d.amount
FROM "lines" AS l
LEFT JOIN "deals" AS d ON d.deal_id = l.deal_id
