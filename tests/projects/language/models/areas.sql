-- Areas of customers: what is the same of an area at all times.
-- Grain: one row per area.
SELECT DISTINCT
    customers.territory AS area,
    upper(customers.territory) AS title,
    substr(customers.territory, 1, 1) AS initial
FROM {{ ref('stg_customers') }} AS customers
WHERE customers.territory IS NOT NULL
