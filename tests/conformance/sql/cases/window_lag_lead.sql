SELECT
    deal_id,
    lag(customer) OVER (PARTITION BY rep_id ORDER BY deal_id ASC NULLS LAST) AS before_it,
    lead(amount) OVER (PARTITION BY rep_id ORDER BY deal_id ASC NULLS LAST) AS after_it,
    lag(created_at, 2) OVER (PARTITION BY rep_id ORDER BY deal_id ASC NULLS LAST) AS two_before,
    lead(won) OVER (ORDER BY deal_id DESC NULLS LAST) AS after_won
FROM "deals"
