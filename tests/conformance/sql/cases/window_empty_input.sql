SELECT deal_id, row_number() OVER (ORDER BY deal_id ASC NULLS LAST) AS number, sum(amount) OVER () AS amount
FROM "empty_deals"
