SELECT stage, max(total) AS largest
FROM (SELECT stage, rep_id, sum(amount) AS total FROM "deals" GROUP BY stage, rep_id) AS by_rep
GROUP BY stage
