WITH totals AS (
    SELECT rep_id, sum(amount) AS total FROM "deals" WHERE rep_id IS NOT NULL GROUP BY rep_id
)
SELECT a.rep_id, a.total, count(b.rep_id) AS reps_above
FROM totals AS a
LEFT JOIN totals AS b ON b.total > a.total
GROUP BY a.rep_id, a.total
