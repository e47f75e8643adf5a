-- No holidays are recorded: every weekday is a day of business.
SELECT
    CAST(NULL AS VARCHAR) AS territory,
    CAST(NULL AS DATE) AS day
WHERE 1 = 0
