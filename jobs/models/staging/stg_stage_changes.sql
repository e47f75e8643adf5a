-- Changes of a deal's stage before as-of.
SELECT
    CAST(stage_changes.opportunity_id AS VARCHAR) AS opportunity_id,
    CAST(stage_changes.stage AS VARCHAR) AS stage,
    stage_changes.entered_at AS entered_at,
    CAST(stage_changes.stage_order AS INTEGER) AS stage_order
FROM {{ source('crm', 'stage_changes') }} AS stage_changes
WHERE {{ seen_at('stage_changes.entered_at') }}
