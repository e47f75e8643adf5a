-- halves go away from zero
SELECT
    deal_id,
    abs(score) AS size,
    round(score) AS whole,
    round(score * 1.5, 1) AS tenths,
    floor(score) AS down,
    ceil(score) AS up
FROM "deals"
WHERE score <> 0 OR score IS NULL
