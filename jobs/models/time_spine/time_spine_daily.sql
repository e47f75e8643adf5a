-- Every day from var time_spine_start to the last one that has begun at as-of.
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
)

SELECT days.date_day AS date_day
FROM days
WHERE {{ seen_on('days.date_day') }}
