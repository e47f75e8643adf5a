-- One fixed rate for each currency: the last one on or before var constant_currency_date.
-- A currency without a rate by then has no row; the reporting currency has rate 1, whatever the table says.
-- Grain: one row per currency.
WITH last_days AS (
    SELECT
        fx_rates.currency AS currency,
        max(fx_rates.valid_on) AS valid_on
    FROM {{ ref('stg_fx_rates') }} AS fx_rates
    WHERE
        fx_rates.currency <> '{{ var("reporting_currency") }}'
        AND fx_rates.valid_on <= {{ day(var('constant_currency_date')) }}
    GROUP BY fx_rates.currency
)

SELECT
    last_days.currency AS currency,
    max(fx_rates.rate) AS rate
FROM last_days
INNER JOIN {{ ref('stg_fx_rates') }} AS fx_rates
    ON last_days.currency = fx_rates.currency AND last_days.valid_on = fx_rates.valid_on
GROUP BY last_days.currency
UNION ALL
SELECT
    '{{ var("reporting_currency") }}' AS currency,
    CAST(1 AS DECIMAL(16, 8)) AS rate
