WITH priced AS (
    SELECT deal_id, product, price * quantity AS line_amount
    FROM "lines"
),
by_deal AS (
    SELECT deal_id, sum(line_amount) AS line_total, count(*) AS line_count
    FROM priced
    GROUP BY deal_id
),
joined AS (
    WITH known AS (
        SELECT deal_id, amount FROM "deals" WHERE amount IS NOT NULL
    )
    SELECT k.deal_id, k.amount, b.line_total, b.line_count
    FROM known AS k
    INNER JOIN by_deal AS b ON b.deal_id = k.deal_id
)
SELECT deal_id, amount, line_total, amount - line_total AS difference, line_count
FROM joined
