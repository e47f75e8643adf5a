WITH numbered AS (
    SELECT
        customer,
        deal_id,
        created_at,
        row_number() OVER (PARTITION BY customer ORDER BY created_at ASC NULLS LAST, deal_id ASC NULLS LAST) AS number
    FROM "deals"
)
SELECT customer, deal_id, created_at
FROM numbered
WHERE number = 1
