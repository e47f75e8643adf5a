SELECT
    day,
    add_days(day, 1) AS next_day,
    add_days(day, -31) AS back,
    add_months(day, 1) AS next_month,
    add_months(day, -12) AS last_year,
    days_between(day, CAST('2025-03-30' AS DATE)) AS distance
FROM "days"
