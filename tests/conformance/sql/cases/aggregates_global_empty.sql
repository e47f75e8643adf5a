-- one row: counts are zero, the others null
SELECT count(*) AS deals, count(amount) AS amounts, count(DISTINCT rep_id) AS reps, sum(amount) AS amount, avg(score) AS score, min(closed_on) AS first
FROM "empty_deals"
