-- Customers, as they are now.
SELECT
    CAST(customers.customer_id AS VARCHAR) AS customer_id,
    CAST(customers.name AS VARCHAR) AS name,
    CAST(customers.segment AS VARCHAR) AS segment,
    CAST(customers.industry AS VARCHAR) AS industry,
    CAST(customers.territory AS VARCHAR) AS territory,
    CAST(customers.location AS VARCHAR) AS location
FROM {{ source('crm', 'customers') }} AS customers
