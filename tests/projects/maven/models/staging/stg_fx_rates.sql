-- No exchange rates: every amount is in the reporting currency.
SELECT
    CAST(NULL AS VARCHAR) AS currency,
    CAST(NULL AS DATE) AS valid_on,
    CAST(NULL AS DECIMAL(16, 8)) AS rate
WHERE 1 = 0
