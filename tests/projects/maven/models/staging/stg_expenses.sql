-- No postings in the record.
SELECT
    CAST(NULL AS VARCHAR) AS expense_id,
    CAST(NULL AS DATE) AS incurred_on,
    CAST(NULL AS VARCHAR) AS function_name,
    CAST(NULL AS VARCHAR) AS team,
    CAST(NULL AS VARCHAR) AS territory,
    CAST(NULL AS DECIMAL(18, 2)) AS amount,
    CAST(NULL AS VARCHAR) AS currency
WHERE 1 = 0
