SELECT
    line_id,
    CAST('2024-02-29' AS DATE) AS leap_day,
    CAST('-12.50' AS DECIMAL(10, 2)) AS money,
    CAST('42' AS BIGINT) AS whole,
    CAST('0.125' AS DOUBLE) AS eighth,
    CAST('2025-03-30 02:30:00' AS TIMESTAMP) AS wall
FROM "lines"
WHERE line_id <= 2
