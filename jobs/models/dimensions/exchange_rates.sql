-- The rate of each currency on each day: the last one on or before it.
-- The reporting currency has rate 1, whatever the table says.
-- Grain: one row per currency and day that has a rate.
WITH rates AS (
    SELECT
        fx_rates.currency AS currency,
        fx_rates.valid_on AS valid_on,
        max(fx_rates.rate) AS rate
    FROM {{ ref('stg_fx_rates') }} AS fx_rates
    WHERE fx_rates.currency <> '{{ var("reporting_currency") }}'
    GROUP BY fx_rates.currency, fx_rates.valid_on
),

currencies AS (
    SELECT DISTINCT rates.currency AS currency
    FROM rates
),

days AS (
    SELECT spine.date_day AS day
    FROM {{ ref('time_spine_daily') }} AS spine
    UNION
    SELECT rates.valid_on AS day
    FROM rates
),

grid AS (
    SELECT
        currencies.currency AS currency,
        days.day AS day,
        rates.rate AS rate
    FROM currencies
    CROSS JOIN days
    LEFT JOIN rates
        ON currencies.currency = rates.currency AND days.day = rates.valid_on
),

numbered AS (
    SELECT
        grid.currency AS currency,
        grid.day AS day,
        grid.rate AS rate,
        count(grid.rate) OVER (
            PARTITION BY grid.currency
            ORDER BY grid.day ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS rate_number
    FROM grid
),

carried AS (
    SELECT
        numbered.currency AS currency,
        numbered.day AS day,
        max(numbered.rate) OVER (PARTITION BY numbered.currency, numbered.rate_number) AS rate
    FROM numbered
),

reporting AS (
    SELECT
        '{{ var("reporting_currency") }}' AS currency,
        days.day AS day,
        CAST(1 AS DECIMAL(16, 8)) AS rate
    FROM days
)

SELECT
    carried.currency AS currency,
    carried.day AS day,
    carried.rate AS rate
FROM carried
WHERE carried.rate IS NOT NULL
UNION ALL
SELECT
    reporting.currency AS currency,
    reporting.day AS day,
    reporting.rate AS rate
FROM reporting
