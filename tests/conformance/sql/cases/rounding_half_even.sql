-- money at a rate, to six decimals, halves to even
SELECT
    line_id,
    CAST(round_half_even(CAST(price AS DECIMAL(20, 2)) * CAST('0.00010150' AS DECIMAL(16, 8)), 6) AS DECIMAL(38, 6)) AS converted,
    CAST(round_half_even(CAST(quantity AS DECIMAL(20, 2)) * CAST('0.00000050' AS DECIMAL(16, 8)), 6) AS DECIMAL(38, 6)) AS halves
FROM "lines"
