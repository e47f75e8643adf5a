-- peers of the same day are in each other's sum
SELECT
    deal_id,
    closed_on,
    sum(amount) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST) AS amount_to_date,
    sum(units) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST) AS units_to_date,
    sum(score) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST) AS score_to_date,
    avg(amount) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST) AS mean_to_date,
    count(*) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST) AS deals_to_date,
    count(units) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST) AS unit_values,
    min(amount) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST) AS least_to_date,
    max(customer) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST) AS last_name
FROM "deals"
