-- the share of each group in the total
SELECT
    stage,
    sum(amount) AS amount,
    CAST(sum(units) AS DOUBLE) / NULLIF(sum(sum(units)) OVER (), 0) AS share,
    rank() OVER (ORDER BY sum(amount) DESC NULLS LAST, stage ASC NULLS LAST) AS place
FROM "deals"
GROUP BY stage
