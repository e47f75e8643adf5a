SELECT
    deal_id,
    CAST(date_trunc('week', closed_on) AS DATE) AS week,
    CAST(date_trunc('month', closed_on) AS DATE) AS month,
    CAST(date_trunc('quarter', closed_on) AS DATE) AS quarter,
    CAST(date_trunc('year', closed_on) AS DATE) AS year
FROM "deals"
