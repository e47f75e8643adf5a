-- ordered
SELECT customer, count(*) AS deals
FROM "deals"
GROUP BY customer
ORDER BY customer ASC NULLS LAST
