-- the same order with ROWS counts one by one
SELECT
    deal_id,
    sum(amount) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST, deal_id ASC NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS amount_running,
    sum(score) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST, deal_id ASC NULLS LAST ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS score_left,
    count(units) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST, deal_id ASC NULLS LAST ROWS UNBOUNDED PRECEDING) AS units_running
FROM "deals"
