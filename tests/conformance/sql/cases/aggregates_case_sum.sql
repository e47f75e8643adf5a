SELECT stage, sum(CASE WHEN won THEN 1 ELSE 0 END) AS won_deals, sum(CASE WHEN won THEN amount END) AS won_amount
FROM "deals"
GROUP BY stage
