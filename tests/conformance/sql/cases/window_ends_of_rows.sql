-- an empty frame has neither a first nor a last value
SELECT
    deal_id,
    first_value(customer) OVER (PARTITION BY rep_id ORDER BY deal_id ASC NULLS LAST ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING) AS first_before,
    last_value(amount) OVER (PARTITION BY rep_id ORDER BY deal_id ASC NULLS LAST ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING) AS last_after
FROM "deals"
