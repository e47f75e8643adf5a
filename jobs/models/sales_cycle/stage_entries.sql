-- Visits of deals to stages, with their end where they have one.
-- A visit lasts from its entry to the next change of the deal; the last one of a closed deal to the close,
-- if that is later.
-- Grain: one row per stage visit.
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
)

SELECT
    changes.opportunity_id || '#' || CAST(changes.visit_number AS VARCHAR) AS stage_visit_id,
    changes.opportunity_id AS opportunity_id,
    changes.stage AS stage,
    changes.entered_at AS entered_at,
    CASE
        WHEN changes.next_entered_at IS NOT NULL THEN changes.next_entered_at
        WHEN opportunities.closed_at > changes.entered_at THEN opportunities.closed_at
    END AS exited_at,
    opportunities.closed_at AS closed_at,
    opportunities.customer_id AS customer_id,
    opportunities.rep_id AS rep_id,
    opportunities.product_id AS product_id
FROM changes
LEFT JOIN {{ ref('stg_opportunities') }} AS opportunities
    ON changes.opportunity_id = opportunities.opportunity_id
