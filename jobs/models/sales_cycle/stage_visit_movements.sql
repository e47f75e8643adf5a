-- Visits of deals to stages that began (+1) and ended (-1), so that a running sum says how many run.
-- A visit ends as in stage_visits. The last visit of a closed deal that began at its close or later is no visit:
-- it lasts no time, and would run for ever.
-- Grain: one row per stage visit and movement.
WITH changes AS (
    SELECT
        stage_changes.opportunity_id AS opportunity_id,
        stage_changes.stage AS stage,
        stage_changes.entered_at AS entered_at,
        row_number() OVER (
            PARTITION BY stage_changes.opportunity_id
            ORDER BY
                stage_changes.entered_at ASC NULLS LAST,
                stage_changes.stage_order ASC NULLS LAST,
                stage_changes.stage ASC NULLS LAST
        ) AS visit_number,
        lead(stage_changes.entered_at) OVER (
            PARTITION BY stage_changes.opportunity_id
            ORDER BY
                stage_changes.entered_at ASC NULLS LAST,
                stage_changes.stage_order ASC NULLS LAST,
                stage_changes.stage ASC NULLS LAST
        ) AS next_entered_at
    FROM {{ ref('stg_stage_changes') }} AS stage_changes
),

visits AS (
    SELECT
        changes.opportunity_id || '#' || CAST(changes.visit_number AS VARCHAR) AS visit_id,
        changes.stage AS stage,
        changes.entered_at AS entered_at,
        opportunities.closed_at AS closed_at,
        opportunities.customer_id AS customer_id,
        opportunities.product_id AS product_id,
        CASE
            WHEN changes.next_entered_at IS NOT NULL THEN changes.next_entered_at
            WHEN opportunities.closed_at > changes.entered_at THEN opportunities.closed_at
        END AS exited_at
    FROM changes
    LEFT JOIN {{ ref('stg_opportunities') }} AS opportunities
        ON changes.opportunity_id = opportunities.opportunity_id
),

movements AS (
    SELECT
        visits.visit_id || '#in' AS stage_visit_movement_id,
        visits.customer_id AS customer_id,
        visits.product_id AS product_id,
        visits.stage AS stage,
        visits.entered_at AS moved_at,
        1 AS change
    FROM visits
    WHERE visits.exited_at IS NOT NULL OR visits.closed_at IS NULL
    UNION ALL
    SELECT
        visits.visit_id || '#out' AS stage_visit_movement_id,
        visits.customer_id AS customer_id,
        visits.product_id AS product_id,
        visits.stage AS stage,
        visits.exited_at AS moved_at,
        -1 AS change
    FROM visits
    WHERE visits.exited_at IS NOT NULL
)

SELECT
    movements.stage_visit_movement_id AS stage_visit_movement_id,
    movements.customer_id AS customer_id,
    movements.product_id AS product_id,
    movements.stage AS stage,
    movements.moved_at AS moved_at,
    movements.change AS change
FROM movements
