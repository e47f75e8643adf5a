SELECT
    deal_id,
    CAST(units AS DOUBLE) AS units_double,
    CAST(units AS DECIMAL(12, 3)) AS units_decimal,
    CAST(amount AS DOUBLE) AS amount_double,
    CAST(amount AS DECIMAL(20, 4)) AS amount_wide,
    CAST(CAST(units AS INTEGER) AS BIGINT) AS units_again,
    CAST(score AS DECIMAL(10, 2)) AS score_decimal
FROM "deals"
