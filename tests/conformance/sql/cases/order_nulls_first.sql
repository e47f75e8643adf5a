-- ordered
SELECT deal_id, units
FROM "deals"
ORDER BY units ASC NULLS FIRST, deal_id DESC NULLS LAST
