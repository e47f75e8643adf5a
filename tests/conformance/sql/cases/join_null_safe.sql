-- null keys meet under IS NOT DISTINCT FROM
SELECT d.deal_id, l.line_id
FROM (SELECT deal_id, NULLIF(deal_id, 'd01') AS key FROM "deals") AS d
INNER JOIN "lines" AS l ON l.deal_id IS NOT DISTINCT FROM d.key
