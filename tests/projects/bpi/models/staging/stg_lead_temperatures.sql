-- No changes of temperature in the log.
SELECT
    CAST(NULL AS VARCHAR) AS lead_id,
    CAST(NULL AS VARCHAR) AS temperature,
    {{ instant('1970-01-01T00:00:00Z') }} AS changed_at
WHERE 1 = 0
