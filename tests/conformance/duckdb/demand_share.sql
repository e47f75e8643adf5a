-- metrics: demand_share
-- group_by: metric_time__month
-- Units over all units of the month: 1 by definition, null where they sum to 0.
SELECT
    date_trunc('month', timezone('Europe/Berlin', ordered_at))::DATE AS metric_time__month,
    sum(quantity)::DOUBLE / nullif(sum(quantity), 0) AS demand_share
FROM stg_order_lines
GROUP BY ALL
