-- the default frame ends at the last peer
SELECT
    deal_id,
    first_value(amount) OVER (PARTITION BY rep_id ORDER BY deal_id ASC NULLS LAST) AS first_amount,
    last_value(closed_on) OVER (PARTITION BY rep_id ORDER BY closed_on ASC NULLS LAST) AS own_day,
    last_value(customer) OVER (PARTITION BY rep_id ORDER BY deal_id ASC NULLS LAST) AS own_customer
FROM "deals"
