SELECT
    deal_id,
    CASE WHEN amount > 1000 THEN 'large' WHEN amount > 50 THEN 'middle' WHEN amount <= 0 THEN 'none' END AS size,
    CASE WHEN won THEN 1 ELSE 0 END AS flag
FROM "deals"
