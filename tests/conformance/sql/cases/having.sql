SELECT rep_id, sum(amount) AS amount, count(*) AS deals
FROM "deals"
GROUP BY rep_id
HAVING count(*) > 1 AND sum(amount) > 0
