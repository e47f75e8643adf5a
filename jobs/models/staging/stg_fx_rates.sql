-- Exchange rates of the days that have begun at as-of.
SELECT
    CAST(fx_rates.currency AS VARCHAR) AS currency,
    CAST(fx_rates.valid_on AS DATE) AS valid_on,
    CAST(fx_rates.rate AS DECIMAL(16, 8)) AS rate
FROM {{ source('crm', 'fx_rates') }} AS fx_rates
WHERE {{ seen_on('fx_rates.valid_on') }}
