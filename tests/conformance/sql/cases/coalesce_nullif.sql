SELECT
    deal_id,
    COALESCE(rep_id, customer, '(none)') AS who,
    COALESCE(amount, 0) AS amount_or_zero,
    NULLIF(units, 1) AS not_one,
    NULLIF(customer, '') AS not_blank
FROM "deals"
