-- No subscriptions in the record.
SELECT
    CAST(NULL AS VARCHAR) AS subscription_id,
    CAST(NULL AS VARCHAR) AS customer_id,
    CAST(NULL AS VARCHAR) AS product_id,
    CAST(NULL AS VARCHAR) AS rep_id,
    CAST(NULL AS DATE) AS started_on,
    CAST(NULL AS DATE) AS ended_on,
    CAST(NULL AS DECIMAL(18, 2)) AS mrr,
    CAST(NULL AS VARCHAR) AS currency,
    CAST(NULL AS VARCHAR) AS end_reason
WHERE 1 = 0
