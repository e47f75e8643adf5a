SELECT
    rep_id,
    count(*) AS rows_all,
    count(amount) AS amounts,
    sum(amount) AS amount,
    sum(units) AS units,
    sum(score) AS score,
    avg(amount) AS mean_amount,
    avg(units) AS mean_units,
    min(score) AS least_score,
    max(closed_on) AS last_close,
    min(created_at) AS first_created,
    max(customer) AS last_customer
FROM "deals"
GROUP BY rep_id
