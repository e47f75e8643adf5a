-- nulls are passed over; all null gives null
SELECT
    deal_id,
    greatest(units, 5) AS at_least,
    least(amount, 50.00) AS at_most,
    greatest(closed_on, CAST('2025-04-01' AS DATE)) AS later,
    least(units, CAST(score AS DOUBLE), 2) AS smallest
FROM "deals"
