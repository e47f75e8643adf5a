-- without an order the frame is the partition
SELECT
    deal_id,
    sum(amount) OVER (PARTITION BY stage) AS stage_amount,
    count(*) OVER () AS deals,
    min(created_at) OVER (PARTITION BY rep_id, stage) AS first_created,
    avg(units) OVER (PARTITION BY stage) AS mean_units,
    max(won) OVER (PARTITION BY rep_id) AS any_won
FROM "deals"
