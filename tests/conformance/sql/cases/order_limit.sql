-- ordered
SELECT deal_id, amount
FROM "deals"
ORDER BY amount DESC NULLS LAST, deal_id ASC NULLS LAST
LIMIT 7
