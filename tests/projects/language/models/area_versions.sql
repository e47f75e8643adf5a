-- Who looks after an area: another crew from the middle of a working day on.
-- Grain: one row per area and version.
SELECT DISTINCT
    customers.territory AS area,
    'old crew' AS crew,
    {{ instant('2020-01-01T00:00:00Z') }} AS valid_from,
    {{ instant('2024-07-15T10:30:00Z') }} AS valid_to
FROM {{ ref('stg_customers') }} AS customers
WHERE customers.territory IS NOT NULL
UNION ALL
SELECT DISTINCT
    customers.territory AS area,
    'new crew' AS crew,
    {{ instant('2024-07-15T10:30:00Z') }} AS valid_from,
    {{ instant('2030-01-01T00:00:00Z') }} AS valid_to
FROM {{ ref('stg_customers') }} AS customers
WHERE customers.territory IS NOT NULL
