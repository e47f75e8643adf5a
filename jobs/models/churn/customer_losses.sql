-- Customers who were active at the start of a month and gone at its end, dated at their last lapse in it.
-- Starts and lapses alternate, so the changes of such a customer sum to -1: one who came in the month and left sums to 0,
-- and so does one who left and was back by its end.
-- Grain: one row per customer and month.
WITH dated AS (
    SELECT
        movements.customer_id AS customer_id,
        {{ first_of('month', 'movements.moved_on') }} AS month_start,
        movements.moved_on AS moved_on,
        movements.change AS change
    FROM {{ ref('customer_movements') }} AS movements
),

months AS (
    SELECT
        dated.customer_id AS customer_id,
        dated.month_start AS month_start,
        max(dated.moved_on) AS lost_on,
        sum(dated.change) AS net_change
    FROM dated
    GROUP BY dated.customer_id, dated.month_start
)

SELECT
    months.customer_id || '#' || CAST(months.month_start AS VARCHAR) AS customer_loss_id,
    months.customer_id AS customer_id,
    months.lost_on AS lost_on
FROM months
WHERE months.net_change < 0
