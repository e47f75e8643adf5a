SELECT stage, count(DISTINCT customer) AS customers, count(DISTINCT rep_id) AS reps, count(DISTINCT amount) AS amounts, count(*) AS deals
FROM "deals"
GROUP BY stage
