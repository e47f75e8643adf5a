-- Customers. Grain: one row per customer.
SELECT
    customers.customer_id AS customer_id,
    customers.name AS name,
    customers.segment AS segment,
    customers.industry AS industry,
    customers.territory AS territory,
    customers.location AS location
FROM {{ ref('stg_customers') }} AS customers
