-- Team and territory of each rep from instant to instant, so that no two spans of a rep overlap.
-- Of versions that overlap, which rep_version_overlaps refuses, the one that began last counts.
-- Grain: one row per rep and instant at which a version begins or ends, where one holds from then on.
WITH bounds AS (
    SELECT
        reps.rep_id AS rep_id,
        reps.valid_from AS bound
    FROM {{ ref('reps') }} AS reps
    WHERE reps.rep_id IS NOT NULL
    UNION
    SELECT
        reps.rep_id AS rep_id,
        reps.valid_to AS bound
    FROM {{ ref('reps') }} AS reps
    WHERE reps.rep_id IS NOT NULL AND reps.valid_to IS NOT NULL
),

spans AS (
    SELECT
        bounds.rep_id AS rep_id,
        bounds.bound AS held_from,
        lead(bounds.bound) OVER (
            PARTITION BY bounds.rep_id
            ORDER BY bounds.bound ASC NULLS LAST
        ) AS held_to
    FROM bounds
),

versions AS (
    SELECT
        spans.rep_id AS rep_id,
        spans.held_from AS held_from,
        spans.held_to AS held_to,
        reps.team AS team,
        reps.territory AS territory,
        row_number() OVER (
            PARTITION BY spans.rep_id, spans.held_from
            ORDER BY
                reps.valid_from DESC NULLS LAST,
                reps.valid_to ASC NULLS LAST,
                reps.team ASC NULLS LAST,
                reps.territory ASC NULLS LAST
        ) AS place
    FROM spans
    INNER JOIN {{ ref('reps') }} AS reps
        ON
            spans.rep_id = reps.rep_id
            AND spans.held_from >= reps.valid_from
            AND (reps.valid_to IS NULL OR spans.held_from < reps.valid_to)
)

SELECT
    versions.rep_id AS rep_id,
    versions.held_from AS held_from,
    versions.held_to AS held_to,
    versions.team AS team,
    versions.territory AS territory
FROM versions
WHERE versions.place = 1
