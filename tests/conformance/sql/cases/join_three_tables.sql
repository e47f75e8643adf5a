SELECT l.line_id, d.customer, r.team
FROM "crm"."lines" AS l
INNER JOIN "crm"."deals" AS d ON d.deal_id = l.deal_id
LEFT JOIN "crm"."reps" AS r ON r.rep_id = d.rep_id AND r.valid_to IS NULL
