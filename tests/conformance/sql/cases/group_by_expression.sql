SELECT CAST(date_trunc('month', closed_on) AS DATE) AS month, won, count(*) AS deals, min(deal_id) AS first_deal
FROM "deals"
GROUP BY CAST(date_trunc('month', closed_on) AS DATE), won
