-- upper and lower case differ; null stays unknown
SELECT deal_id, customer, customer LIKE '%o_' AS matched
FROM "deals"
WHERE customer NOT LIKE 'z%'
