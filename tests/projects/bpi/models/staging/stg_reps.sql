-- Reps: whoever is recorded as a resource, but for the system. One version each, valid always.
SELECT
    humans.resource AS rep_id,
    CASE WHEN 1 = 0 THEN {{ instant('1970-01-01T00:00:00Z') }} END AS valid_from,
    CASE WHEN 1 = 0 THEN {{ instant('1970-01-01T00:00:00Z') }} END AS valid_to,
    humans.resource AS name,
    CAST(NULL AS VARCHAR) AS team,
    CAST(NULL AS VARCHAR) AS manager,
    CAST(NULL AS VARCHAR) AS territory,
    CAST(NULL AS DATE) AS hired_on
FROM (
    SELECT DISTINCT CAST(events.resource AS VARCHAR) AS resource
    FROM {{ source('bpi', 'events') }} AS events
    WHERE events.resource <> '{{ var("system_resource") }}'
) AS humans
