-- Versions of a rep that go on when the next one begins: the data test is that there is none.
-- Of such versions nobody knows which is right, and a join to them would add rows.
-- Grain: one row per version that overlaps the next of its rep.
WITH followed AS (
    SELECT
        reps.rep_id AS rep_id,
        reps.valid_from AS valid_from,
        reps.valid_to AS valid_to,
        lead(reps.valid_from) OVER (
            PARTITION BY reps.rep_id
            ORDER BY reps.valid_from ASC NULLS LAST, reps.valid_to ASC NULLS LAST
        ) AS next_valid_from
    FROM {{ ref('reps') }} AS reps
    WHERE reps.rep_id IS NOT NULL
)

SELECT
    followed.rep_id AS rep_id,
    followed.valid_from AS valid_from,
    followed.valid_to AS valid_to,
    followed.next_valid_from AS next_valid_from
FROM followed
WHERE followed.valid_to > followed.next_valid_from OR (followed.valid_to IS NULL AND followed.next_valid_from IS NOT NULL)
