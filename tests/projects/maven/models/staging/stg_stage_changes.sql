-- The one change that the record dates: a deal enters Engaging on its engage_date.
SELECT
    CAST(pipeline.opportunity_id AS VARCHAR) AS opportunity_id,
    'Engaging' AS stage,
    {{ local_midnight('pipeline.engage_date') }} AS entered_at,
    CAST(1 AS INTEGER) AS stage_order
FROM {{ source('maven', 'sales_pipeline') }} AS pipeline
WHERE {{ seen_on('pipeline.engage_date') }}
