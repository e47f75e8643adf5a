-- metrics: demand_share
-- group_by: metric_time__month, order_line__channel
-- Units of the channel over all units of the month.
WITH cells AS (
    SELECT
        date_trunc('month', timezone('Europe/Berlin', ordered_at))::DATE AS metric_time__month,
        channel AS order_line__channel,
        sum(quantity) AS units
    FROM stg_order_lines
    GROUP BY ALL
)

SELECT
    metric_time__month,
    order_line__channel,
    units::DOUBLE / nullif(sum(units) OVER (PARTITION BY metric_time__month), 0) AS demand_share
FROM cells
