-- Customers, from accounts. Sectors and countries keep the spelling of the record: nothing joins on them.
SELECT
    CAST(accounts.account AS VARCHAR) AS customer_id,
    CAST(accounts.account AS VARCHAR) AS name,
    CAST(NULL AS VARCHAR) AS segment,
    CAST(accounts.sector AS VARCHAR) AS industry,
    CAST(NULL AS VARCHAR) AS territory,
    CAST(accounts.office_location AS VARCHAR) AS location
FROM {{ source('maven', 'accounts') }} AS accounts
