SELECT stage, sum(amount) / NULLIF(sum(units), 0) AS per_unit, sum(amount) - min(amount) AS rest, CAST(count(won) AS DOUBLE) / count(*) AS share
FROM "deals"
GROUP BY stage
