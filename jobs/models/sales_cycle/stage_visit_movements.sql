-- Visits of deals to stages that began (+1) and ended (-1), so that a running sum says how many run.
-- The last visit of a closed deal that began at its close or later is no visit:
-- it lasts no time, and would run for ever.
-- Grain: one row per stage visit and movement.
WITH movements AS (
    SELECT
        visits.stage_visit_id || '#in' AS stage_visit_movement_id,
        visits.opportunity_id AS opportunity_id,
        visits.customer_id AS customer_id,
        visits.product_id AS product_id,
        visits.stage AS stage,
        visits.entered_at AS moved_at,
        1 AS change
    FROM {{ ref('stage_entries') }} AS visits
    WHERE visits.exited_at IS NOT NULL OR visits.closed_at IS NULL
    UNION ALL
    SELECT
        visits.stage_visit_id || '#out' AS stage_visit_movement_id,
        visits.opportunity_id AS opportunity_id,
        visits.customer_id AS customer_id,
        visits.product_id AS product_id,
        visits.stage AS stage,
        visits.exited_at AS moved_at,
        -1 AS change
    FROM {{ ref('stage_entries') }} AS visits
    WHERE visits.exited_at IS NOT NULL
)

SELECT
    movements.stage_visit_movement_id AS stage_visit_movement_id,
    movements.opportunity_id AS opportunity_id,
    movements.customer_id AS customer_id,
    movements.product_id AS product_id,
    movements.stage AS stage,
    movements.moved_at AS moved_at,
    movements.change AS change
FROM movements
