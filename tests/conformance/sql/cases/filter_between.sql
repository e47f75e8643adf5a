SELECT deal_id, amount, closed_on, amount NOT BETWEEN -50.25 AND 75.50 AS outside
FROM "deals"
WHERE closed_on BETWEEN CAST('2025-01-01' AS DATE) AND CAST('2025-04-01' AS DATE) OR amount BETWEEN 33.33 AND 66.67
