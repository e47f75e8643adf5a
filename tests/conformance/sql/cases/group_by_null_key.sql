-- null is a group of its own
SELECT rep_id, stage, count(*) AS deals, sum(amount) AS amount
FROM "deals"
GROUP BY rep_id, stage
