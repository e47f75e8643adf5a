-- The days of the calendar for each territory of a lead: Monday to Friday, without the territory's holidays.
-- A holiday without a territory is one everywhere; a lead without a territory has those only.
-- Days before var time_spine_start are not here, nor those that have not begun at as-of.
-- Grain: one row per territory and day.
WITH territories AS (
    -- A key that is never null: the territory behind a sign, or nothing.
    SELECT DISTINCT COALESCE('=' || leads.territory, '') AS calendar
    FROM {{ ref('stg_leads') }} AS leads
),

days AS (
    SELECT
        territories.calendar AS calendar,
        spine.date_day AS day,
        -- 1 January 1900 was a Monday.
        {{ days_between(day('1900-01-01'), 'spine.date_day') }} % 7 AS weekday
    FROM {{ ref('time_spine_daily') }} AS spine
    CROSS JOIN territories
),

own_holidays AS (
    SELECT DISTINCT
        '=' || holidays.territory AS calendar,
        holidays.day AS day
    FROM {{ ref('stg_holidays') }} AS holidays
    WHERE holidays.territory IS NOT NULL
),

common_holidays AS (
    SELECT DISTINCT holidays.day AS day
    FROM {{ ref('stg_holidays') }} AS holidays
    WHERE holidays.territory IS NULL
),

marked AS (
    SELECT
        days.calendar AS calendar,
        days.day AS day,
        CASE
            WHEN days.weekday < 5 AND own_holidays.day IS NULL AND common_holidays.day IS NULL THEN 1
            ELSE 0
        END AS business_days
    FROM days
    LEFT JOIN own_holidays
        ON days.calendar = own_holidays.calendar AND days.day = own_holidays.day
    LEFT JOIN common_holidays
        ON days.day = common_holidays.day
),

counted AS (
    SELECT
        marked.calendar AS calendar,
        marked.day AS day,
        marked.business_days AS business_days,
        sum(marked.business_days) OVER (
            PARTITION BY marked.calendar
            ORDER BY marked.day ASC NULLS LAST
            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS business_days_so_far
    FROM marked
)

SELECT
    counted.calendar AS calendar,
    counted.day AS day,
    CAST(counted.business_days AS BIGINT) AS business_days,
    CAST(counted.business_days_so_far - counted.business_days AS BIGINT) AS business_days_before
FROM counted
