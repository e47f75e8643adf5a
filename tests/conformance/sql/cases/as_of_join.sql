-- for each day the last deal closed on it or before, by its number
WITH candidates AS (
    SELECT
        y.day,
        d.deal_id,
        d.closed_on,
        row_number() OVER (PARTITION BY y.day ORDER BY d.closed_on DESC NULLS LAST, d.deal_id ASC NULLS LAST) AS place
    FROM "days" AS y
    LEFT JOIN "deals" AS d ON d.closed_on <= y.day
)
SELECT day, deal_id, closed_on
FROM candidates
WHERE place = 1
