-- Visits of deals to stages that have ended, by the day of the exit; a visit that still runs is not here.
-- Grain: one row per stage visit that has ended.
SELECT
    visits.stage_visit_id AS stage_visit_id,
    visits.opportunity_id AS opportunity_id,
    visits.customer_id AS customer_id,
    visits.rep_id AS rep_id,
    visits.product_id AS product_id,
    visits.stage AS stage,
    visits.exited_at AS exited_at,
    {{ local_date('visits.exited_at') }} AS exited_on,
    {{ seconds_between('visits.entered_at', 'visits.exited_at') }} / CAST(86400 AS DOUBLE) AS visit_days
FROM {{ ref('stage_entries') }} AS visits
WHERE visits.exited_at IS NOT NULL
