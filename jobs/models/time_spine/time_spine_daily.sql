-- Every day from var time_spine_start to the last one that has begun at as-of.
-- Beside each day the first day of its period in the fiscal and in the retail calendar, by which MetricFlow groups.
-- Grain: one row per day.
WITH digits AS (
    SELECT 0 AS digit
    {% for digit in [1, 2, 3, 4, 5, 6, 7, 8, 9] -%}
    UNION ALL SELECT {{ digit }} AS digit
    {% endfor %}
),

numbers AS (
    SELECT
        ones.digit
        + 10 * tens.digit
        + 100 * hundreds.digit
        + 1000 * thousands.digit
        + 10000 * ten_thousands.digit AS number
    FROM digits AS ones
    CROSS JOIN digits AS tens
    CROSS JOIN digits AS hundreds
    CROSS JOIN digits AS thousands
    CROSS JOIN digits AS ten_thousands
),

days AS (
    SELECT {{ add_days(day(var('time_spine_start')), 'numbers.number') }} AS date_day
    FROM numbers
),

seen AS (
    SELECT
        days.date_day AS date_day,
        {{ first_of_week('days.date_day', var('retail_week_start', 'sunday')) }} AS retail_week
    FROM days
    WHERE {{ seen_on('days.date_day') }}
),

years AS (
    SELECT
        seen.date_day AS date_day,
        seen.retail_week AS retail_week,
        {{ retail_year_of_week('seen.retail_week') }} AS retail_year
    FROM seen
),

counted AS (
    SELECT
        years.date_day AS date_day,
        years.retail_week AS retail_week,
        years.retail_year AS retail_year,
        {{ days_between('years.retail_year', 'years.retail_week') }} AS days_into_year
    FROM years
)

SELECT
    counted.date_day AS date_day,
    {{ first_of('month', 'counted.date_day') }} AS fiscal_month,
    {{ fiscal_start('quarter', 'counted.date_day') }} AS fiscal_quarter,
    {{ fiscal_start('year', 'counted.date_day') }} AS fiscal_year,
    counted.retail_week AS retail_week,
    {{ retail_month_start('counted.retail_year', 'counted.days_into_year') }} AS retail_month,
    {{ retail_quarter_start('counted.retail_year', 'counted.days_into_year') }} AS retail_quarter,
    counted.retail_year AS retail_year
FROM counted
