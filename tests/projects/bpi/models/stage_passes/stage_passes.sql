-- The packaged stage visits that led to the next milestone, in hours of 3,600 s.
-- Grain: one row per stage visit that led on.
SELECT
    stage_visits.stage_visit_id AS stage_pass_id,
    stage_visits.rep_id AS rep_id,
    stage_visits.stage AS stage,
    stage_visits.exited_at AS exited_at,
    stage_visits.visit_days * CAST(24 AS DOUBLE) AS pass_hours
FROM {{ ref('stage_visits') }} AS stage_visits
WHERE stage_visits.stage LIKE '%->%'
