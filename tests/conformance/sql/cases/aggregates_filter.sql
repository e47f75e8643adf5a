SELECT
    rep_id,
    count(*) FILTER (WHERE won) AS won_deals,
    count(units) FILTER (WHERE amount > 50) AS large_units,
    sum(amount) FILTER (WHERE stage = 'won') AS won_amount,
    avg(score) FILTER (WHERE score > 1000) AS nothing
FROM "deals"
GROUP BY rep_id
