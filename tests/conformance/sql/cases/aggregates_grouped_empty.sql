SELECT rep_id, count(*) AS deals, sum(amount) AS amount
FROM "empty_deals"
GROUP BY rep_id
