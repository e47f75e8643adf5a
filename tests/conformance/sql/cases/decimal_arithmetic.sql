-- exact: the scales add up in a product and stay in a sum
SELECT
    line_id,
    price + price AS doubled,
    price - 100.00 AS less,
    price * quantity AS line_amount,
    price * price AS squared,
    -price AS turned,
    price * 0.19 AS tax
FROM "lines"
