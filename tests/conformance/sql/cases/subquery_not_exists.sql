-- unlike NOT IN, nulls among the values take nothing away
SELECT d.deal_id, d.rep_id
FROM "deals" AS d
WHERE NOT EXISTS (SELECT 1 FROM "lines" AS l WHERE l.deal_id = d.deal_id)
