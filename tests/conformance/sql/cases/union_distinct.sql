-- nulls are equal to each other here
SELECT rep_id, stage FROM "deals"
UNION
SELECT manager_id, NULL FROM "reps"
