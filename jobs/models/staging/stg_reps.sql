-- Versions of reps; a version is valid from valid_from up to, not including, valid_to.
SELECT
    CAST(reps.rep_id AS VARCHAR) AS rep_id,
    reps.valid_from AS valid_from,
    reps.valid_to AS valid_to,
    CAST(reps.name AS VARCHAR) AS name,
    CAST(reps.team AS VARCHAR) AS team,
    CAST(reps.manager AS VARCHAR) AS manager,
    CAST(reps.territory AS VARCHAR) AS territory,
    CAST(reps.hired_on AS DATE) AS hired_on
FROM {{ source('crm', 'reps') }} AS reps
