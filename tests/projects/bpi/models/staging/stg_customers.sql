-- Customers: the log does not say who applied, so every application is a customer, and its band of amount the segment.
SELECT
    CAST(cases.case_id AS VARCHAR) AS customer_id,
    CAST(NULL AS VARCHAR) AS name,
    CASE
        WHEN cases.amount_req < CAST(5000 AS DECIMAL(12, 2)) THEN '1 <5k'
        WHEN cases.amount_req < CAST(10000 AS DECIMAL(12, 2)) THEN '2 5-10k'
        WHEN cases.amount_req < CAST(20000 AS DECIMAL(12, 2)) THEN '3 10-20k'
        ELSE '4 20k+'
    END AS segment,
    CAST(NULL AS VARCHAR) AS industry,
    CAST(NULL AS VARCHAR) AS territory,
    CAST(NULL AS VARCHAR) AS location
FROM {{ source('bpi', 'cases') }} AS cases
