-- Rates that convert nothing: those of the reporting currency, whose rate is 1, and all but the highest of a currency's day.
-- Grain: one row per currency, day and rule.
SELECT DISTINCT
    'rate_of_reporting_currency' AS rule,
    'crm.fx_rates' AS table_name,
    fx_rates.currency || '#' || CAST(fx_rates.valid_on AS VARCHAR) AS key
FROM {{ ref('stg_fx_rates') }} AS fx_rates
WHERE fx_rates.currency = '{{ var("reporting_currency") }}' AND fx_rates.rate <> CAST(1 AS DECIMAL(16, 8))
UNION ALL
SELECT
    'several_rates_of_a_day' AS rule,
    'crm.fx_rates' AS table_name,
    fx_rates.currency || '#' || CAST(fx_rates.valid_on AS VARCHAR) AS key
FROM {{ ref('stg_fx_rates') }} AS fx_rates
WHERE fx_rates.currency <> '{{ var("reporting_currency") }}'
GROUP BY fx_rates.currency, fx_rates.valid_on
HAVING count(*) > 1
