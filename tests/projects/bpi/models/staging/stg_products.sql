-- No products in the log.
SELECT
    CAST(NULL AS VARCHAR) AS product_id,
    CAST(NULL AS VARCHAR) AS name,
    CAST(NULL AS VARCHAR) AS family,
    CAST(NULL AS INTEGER) AS tier
WHERE 1 = 0
