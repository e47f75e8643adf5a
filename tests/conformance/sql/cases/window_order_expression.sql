SELECT
    deal_id,
    row_number() OVER (PARTITION BY COALESCE(stage, '(none)') ORDER BY abs(amount) DESC NULLS LAST, deal_id ASC NULLS LAST) AS number
FROM "deals"
