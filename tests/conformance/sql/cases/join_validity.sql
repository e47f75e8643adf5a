-- the version of the rep at the close, from its first day to before its last
SELECT d.deal_id, d.closed_on, r.name, r.team
FROM "deals" AS d
LEFT JOIN "reps" AS r
    ON r.rep_id = d.rep_id AND d.closed_on >= r.valid_from AND (d.closed_on < r.valid_to OR r.valid_to IS NULL)
