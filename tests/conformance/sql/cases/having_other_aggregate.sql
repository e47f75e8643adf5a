SELECT customer, stage
FROM "deals"
GROUP BY customer, stage
HAVING max(units) >= 7 OR min(score) < 0
