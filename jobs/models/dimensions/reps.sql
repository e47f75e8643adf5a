-- Versions of reps; one that is valid from always has an early instant for it, since a join needs a bound.
-- Grain: one row per rep and version.
SELECT
    reps.rep_id AS rep_id,
    reps.name AS name,
    reps.team AS team,
    reps.manager AS manager,
    reps.territory AS territory,
    reps.hired_on AS hired_on,
    COALESCE(reps.valid_from, {{ instant('1900-01-01T00:00:00Z') }}) AS valid_from,
    reps.valid_to AS valid_to
FROM {{ ref('stg_reps') }} AS reps
