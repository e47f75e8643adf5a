-- a quotient is a double whatever the operands are
SELECT
    line_id,
    quantity / 4 AS quarter,
    price / 3 AS third,
    price / NULLIF(quantity, 0) AS each_one,
    CAST(quantity AS DOUBLE) / NULLIF(discount, 0) AS ratio
FROM "lines"
