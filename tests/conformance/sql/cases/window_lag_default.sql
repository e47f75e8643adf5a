-- the default stands in outside the partition only, not for a null inside
SELECT
    deal_id,
    lag(units, 1, -99) OVER (PARTITION BY rep_id ORDER BY deal_id ASC NULLS LAST) AS before_or,
    lead(customer, 1, '(none)') OVER (PARTITION BY rep_id ORDER BY deal_id ASC NULLS LAST) AS after_or
FROM "deals"
