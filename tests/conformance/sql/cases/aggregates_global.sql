SELECT count(*) AS deals, count(DISTINCT stage) AS stages, sum(amount) AS amount, avg(score) AS score, max(created_at) AS last
FROM "deals"
