SELECT deal_id, customer
FROM "deals"
WHERE customer LIKE 'Z%' OR customer LIKE '%시스템' OR customer LIKE '_빛__' OR customer LIKE ''
