-- Days without business, by territory.
SELECT
    CAST(holidays.territory AS VARCHAR) AS territory,
    CAST(holidays.day AS DATE) AS day
FROM {{ source('crm', 'holidays') }} AS holidays
