-- ordered
SELECT deal_id, customer
FROM "deals"
ORDER BY length(customer) DESC NULLS FIRST, customer ASC NULLS LAST, deal_id ASC NULLS LAST
